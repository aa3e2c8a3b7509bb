import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeed } from './command.ts';
import { eventually } from './eventually.ts';

/** A real registry (Debian's docker-registry) on loopback. */
export interface Registry {
  port: number;
  /** `localhost:port`. */
  host: string;
  /** Copies a docker-archive into the registry with skopeo. */
  push(archive: string, repository: string): Promise<void>;
  stop(): Promise<void>;
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** `enter`: words that put it, and what pushes into it, elsewhere, such as into a network namespace. */
export async function startRegistry(enter: string[] = []): Promise<Registry> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-registry-'));
  const port = await freePort();
  const config = join(directory, 'config.yml');
  await writeFile(
    config,
    `version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: ${directory}/data }, delete: { enabled: true } }
http: { addr: "127.0.0.1:${port}" }
`,
  );
  const there = (words: string[]): [string, string[]] => {
    const [program = '', ...args] = [...enter, ...words];
    return [program, args];
  };
  const server = spawn(...there(['docker-registry', 'serve', config]), { stdio: 'ignore' });
  const ended = new Promise(resolve => server.once('exit', resolve));
  await eventually('the registry answers', () =>
    succeed(...there(['curl', '--silent', '--fail', `http://127.0.0.1:${port}/v2/`])).then(() => true),
  );
  const host = `localhost:${port}`;
  return {
    port,
    host,
    push: async (archive, repository) => {
      const target = `docker://${host}/${repository}`;
      const copy = ['skopeo', 'copy', '--quiet', '--insecure-policy', '--dest-tls-verify=false'];
      await succeed(...there([...copy, `docker-archive:${archive}`, target]), { timeoutMs: 180_000 });
    },
    stop: async () => {
      server.kill('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
