import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BridgeReplies, ComposeAction, ComposeCheck, StreamRequest } from '../../contracts/bridge.ts';
import { EngineError, invalidArgument, messageOf } from '../../contracts/errors.ts';
import { endOf, streamProgram } from './program-stream.ts';
import type { ServedStream } from './stream.ts';

/** `docker compose` of this computer, and the files that it reads. */
export interface Composer {
  read(path: string): Promise<BridgeReplies['composeFile']>;
  save(path: string, text: string): Promise<BridgeReplies['saveComposeFile']>;
  check(path: string, text: string): Promise<ComposeCheck>;
  run(request: StreamRequest<'compose'>, stream: ServedStream): Promise<void>;
}

/** Larger files are no compose files, in bytes. */
const mostBytes = 1 << 20;

const words: Record<ComposeAction, readonly string[]> = {
  up: ['up', '--detach', '--remove-orphans'],
  pull: ['pull'],
  build: ['build'],
  start: ['start'],
  stop: ['stop'],
  restart: ['restart'],
  down: ['down'],
  remove: ['down', '--volumes'],
};

/** `dockerHost` is asked for each command: the engine that the window shows. */
export function openComposer(env: NodeJS.ProcessEnv, dockerHost: () => string): Composer {
  const compose = (args: readonly string[], folder: string | undefined): ChildProcess =>
    spawn('docker', ['compose', ...args], {
      env: { ...env, DOCKER_HOST: dockerHost() },
      cwd: folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
  return {
    read,
    save,
    check: (path, text) => check(compose, path, text),
    run: (request, stream) => run(compose, request, stream),
  };
}

type Compose = (args: readonly string[], folder: string | undefined) => ChildProcess;

async function read(path: string): Promise<{ text: string }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > mostBytes) throw invalidArgument(`${path} is no file of at most 1 MiB`);
    return { text: await file.readFile('utf8') };
  } finally {
    await file.close();
  }
}

/** What is there keeps its owner and its mode: it is written in place. A new one is its user's alone. */
async function save(path: string, text: string): Promise<Record<never, never>> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK, 0o600);
  try {
    if (!(await file.stat()).isFile()) throw invalidArgument(`${path} is no file`);
    await file.truncate();
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return {};
}

/** What compose makes of a text that stands where `path` is: relative paths in it are found. */
async function check(compose: Compose, path: string, text: string): Promise<ComposeCheck> {
  const folder = dirname(path);
  const child = compose(['--file', '-', '--project-directory', folder, 'config', '--format', 'json'], folder);
  child.stdin?.on('error', () => undefined); // it may give up before it has read all
  child.stdin?.end(text);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on('data', (part: Buffer) => output.push(part));
  child.stderr?.on('data', (part: Buffer) => errors.push(part));
  const none = { project: '', services: [] };
  try {
    const code = await endOf(child);
    const said = Buffer.concat(errors).toString().trim();
    if (code !== 0) return { ...none, problem: missing(said) ?? (said || `docker compose ended with ${code}`) };
    const found = JSON.parse(Buffer.concat(output).toString()) as { name?: string; services?: object };
    return { project: found.name ?? '', services: Object.keys(found.services ?? {}), problem: '' };
  } catch (error) {
    return { ...none, problem: messageOf(error) };
  }
}

async function run(
  compose: Compose,
  { action, project, files, folder }: StreamRequest<'compose'>,
  stream: ServedStream,
): Promise<void> {
  const named = files.flatMap(file => ['--file', file]);
  const place = folder === '' ? [] : ['--project-directory', folder];
  const child = compose(
    ['--ansi', 'never', '--progress', 'plain', '--project-name', project, ...named, ...place, ...words[action]],
    undefined,
  );
  const { code, said } = await streamProgram(child, stream);
  const why = said.trim().split('\n').at(-1) ?? '';
  if (code !== 0) throw new EngineError('internal', missing(said) ?? (why || `docker compose ended with ${code}`));
}

/** What a `docker` without compose says, in words that help. */
const missing = (said: string): string | undefined =>
  /unknown (shorthand flag|command|flag)|is not a docker command/.test(said)
    ? 'docker compose is not installed on this computer (Debian: apt-get install docker-compose-v2)'
    : undefined;
