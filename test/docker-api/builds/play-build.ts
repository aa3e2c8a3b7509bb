import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { command, succeed } from '../../support/command.ts';

/** A Dockerfile with its files, and what of it is asked for. Starts with the images `busybox` and nothing else. */
export interface BuildCase {
  name: string;
  dockerfile: string;
  /** Contents by path; `->target` is a link, a path that ends in a slash a directory. */
  files?: Readonly<Record<string, string>>;
  args?: readonly string[];
  /** Only BuildKit's clients can ask for it. */
  buildKitOnly?: true;
}

/** What a build made of its case, without what is never the same twice. */
export interface BuildOutcome {
  /** What failed, in the engine's words. */
  error?: string;
  warnings?: string[];
  /** Steps as a client shows them. */
  steps?: string[];
  config?: Record<string, unknown>;
  history?: string[];
  /** `path type mode owner size-or-target content` of every file. */
  files?: string[];
}

/** Where the docker command finds buildx. */
export async function buildxConfig(plugins: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-buildx-'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [plugins] }));
  return folder;
}

/** Lays a case out in a folder of its own. */
async function layOut({ dockerfile, files = {} }: BuildCase): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-case-'));
  for (const [path, text] of Object.entries({ Dockerfile: dockerfile, ...files })) {
    const place = join(folder, path);
    await mkdir(dirname(place), { recursive: true });
    if (path.endsWith('/')) await mkdir(place, { recursive: true });
    else if (text.startsWith('->')) await symlink(text.slice(2), place);
    else await writeFile(place, text, { mode: 0o644 });
  }
  return folder;
}

/** Builds the case by one of the doors; `config` is {@link buildxConfig}'s. */
export async function playBuild(
  build: BuildCase,
  { socket, config, door }: { socket: string; config: string; door: 'buildkit' | 'classic' },
): Promise<BuildOutcome> {
  const folder = await layOut(build);
  const tag = `case-${door}-${createHash('sha256').update(build.name).digest('hex').slice(0, 12)}`;
  const by = door === 'buildkit' ? ['--progress=rawjson', '--provenance=false'] : [];
  const env = {
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: config,
    DOCKER_BUILDKIT: door === 'buildkit' ? '1' : '0',
    CASE: folder,
  };
  const args = (build.args ?? []).map(each => each.replace('{folder}', folder));
  const ran = await command('docker', ['build', ...by, '-t', tag, ...args, folder], { env, timeoutMs: 120_000 });
  await rm(folder, { recursive: true });
  const told = door === 'buildkit' ? drawn(ran.stderr) : { steps: [], warnings: [] };
  if (ran.code !== 0) return { error: masked(lastLine(ran.stderr)), ...told };
  return { ...told, ...(await resultOf(tag, socket)) };
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** What is another each time. */
export const masked = (text: string): string =>
  text
    .replace(/(?<= )\/\S*\/merged(?=\/)/, '') // where the engine has the root
    .replace(/ of ref [\w-]+::\w+: /, ' of ref: ')
    .replace(/sha256:[0-9a-f]{64}/g, '<digest>');

interface Vertex {
  digest: string;
  name: string;
}

/** What of BuildKit's progress is the same each time. */
function drawn(stderr: string): { steps: string[]; warnings: string[] } {
  const names = new Map<string, string>();
  const warnings = new Set<string>();
  for (const line of stderr.split('\n').filter(each => each.startsWith('{'))) {
    const { vertexes = [], warnings: more = [] } = JSON.parse(line) as {
      vertexes?: Vertex[];
      warnings?: { short: string; range?: { start: { line: number } }[] }[];
    };
    for (const { digest, name } of vertexes) names.set(digest, name);
    for (const { short, range } of more) {
      warnings.add(`${range?.[0]?.start.line ?? ''} ${Buffer.from(short, 'base64').toString()}`);
    }
  }
  const steps = [...names.values()].filter(name => !/^(\[internal\]|exporting|\[auth\])|\] FROM |^FROM /.test(name));
  return { steps: [...new Set(steps.map(masked))].sort(), warnings: [...warnings].sort() };
}

/** The image that a build made. */
export async function resultOf(tag: string, socket: string): Promise<BuildOutcome> {
  const [image] = JSON.parse(await succeed('docker', ['-H', `unix://${socket}`, 'image', 'inspect', tag])) as [
    { Config: Record<string, unknown>; Author: string; Architecture: string; Os: string },
  ];
  const history = JSON.parse(await whole(await ask(socket, 'GET', `/images/${tag}/history`))) as {
    CreatedBy: string;
    Size: number;
    Comment: string;
  }[];
  const { Config, Author, Architecture, Os } = image;
  const given = Object.entries(Config).filter(([, value]) => value !== null && value !== '' && value !== false);
  return {
    config: sorted({ ...Object.fromEntries(given), Author, Architecture, Os }) as Record<string, unknown>,
    history: history.map(({ CreatedBy, Comment }) => `${CreatedBy} (${Comment})`).reverse(),
    files: await filesOf(tag, socket),
  };
}

/** The order of keys means nothing. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

/** Made by engines for each container. */
const ofContainers = /^(\.dockerenv|dev\/(console|pts|shm)\/?|etc\/(hostname|hosts|resolv\.conf|mtab))$/;

async function filesOf(tag: string, socket: string): Promise<string[]> {
  const { Id } = JSON.parse(
    await whole(await ask(socket, 'POST', '/containers/create', { Image: tag, Cmd: ['x'] })),
  ) as {
    Id: string;
  };
  const members = extract();
  (await ask(socket, 'GET', `/containers/${Id}/export`)).pipe(members);
  const lines: string[] = [];
  for await (const member of members) {
    const { name, type, mode = 0, uid, gid, size, linkname } = member.header;
    const hash = createHash('sha256');
    for await (const chunk of member) hash.update(chunk as Buffer);
    const content = type === 'file' ? `${size} ${hash.digest('hex').slice(0, 12)}` : (linkname ?? '');
    const path = name.replace(/^\.?\//, '');
    if (!ofContainers.test(path) && !path.startsWith('bin/'))
      lines.push(`${path} ${type} ${mode.toString(8)} ${uid}:${gid} ${content}`.trim());
  }
  await whole(await ask(socket, 'DELETE', `/containers/${Id}?force=1&v=1`));
  return lines.sort();
}

function ask(socketPath: string, method: string, path: string, body?: object): Promise<Readable> {
  const { promise, resolve, reject } = Promise.withResolvers<Readable>();
  const headers = { 'content-type': 'application/json' };
  const call = request({ socketPath, method, path: `/v1.51${path}`, headers }, resolve);
  call.once('error', reject);
  call.end(body ? JSON.stringify(body) : '');
  return promise;
}

async function whole(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
