import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { succeed } from './command.ts';

/** A server of git repositories by HTTP: git's own program behind Node's. */
export interface Repositories {
  /** `http://127.0.0.1:port`; below `/locked/` only for who has the token. */
  url: string;
  /** Makes `<name>.git` of these files, one commit on `main`, tagged `v1`; other repositories belong at `submodules`. Resolves with the commit. */
  add(name: string, files: Readonly<Record<string, string>>, submodules?: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'init.defaultBranch=main'];

export async function startRepositories(token: string): Promise<Repositories> {
  const root = await mkdtemp(join(tmpdir(), 'berth-git-'));
  const wanted = `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  const server = createServer((asked, answer) => {
    const { pathname, search } = new URL(asked.url ?? '', 'http://host');
    const locked = pathname.startsWith('/locked/');
    if (locked && asked.headers.authorization !== wanted) answer.writeHead(401).end();
    else
      serve(asked, answer, {
        root,
        path: locked ? pathname.slice('/locked'.length) : pathname,
        query: search.slice(1),
      });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: async (name, files, submodules = []) => {
      const work = await mkdtemp(join(root, 'work-'));
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(work, path)), { recursive: true });
        await writeFile(join(work, path), text);
      }
      const git = (...args: string[]): Promise<string> => succeed('git', [...identity, ...args], { cwd: work });
      await git('init', '-q');
      await git('add', '.');
      for (const path of submodules) {
        await git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},${path}`);
      }
      await git('commit', '-qm', 'one');
      await git('tag', '-am', 'first', 'v1');
      await git('clone', '-q', '--bare', '.', join(root, `${name}.git`));
      return (await git('rev-parse', 'HEAD')).trim();
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** By the rules of CGI. */
function serve(
  asked: IncomingMessage,
  answer: ServerResponse,
  { root, path, query }: { root: string; path: string; query: string },
): void {
  const env = {
    ...process.env,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: path,
    QUERY_STRING: query,
    REQUEST_METHOD: asked.method,
    CONTENT_TYPE: asked.headers['content-type'] ?? '',
    GIT_PROTOCOL: String(asked.headers['git-protocol'] ?? ''),
  };
  const program = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  asked.pipe(program.stdin);
  const pieces: Buffer[] = [];
  program.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  program.stdout.on('end', () => {
    const whole = Buffer.concat(pieces);
    const end = whole.indexOf('\r\n\r\n');
    const lines = whole.toString('latin1', 0, end).split('\r\n');
    const headers = lines.map(line => line.split(/: (.*)/s) as [string, string]);
    const status = Number(headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200);
    answer.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
    answer.end(whole.subarray(end + 4));
  });
}
