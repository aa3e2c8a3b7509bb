import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineDocument } from '../../contracts/bridge.ts';
import { notFound } from '../../contracts/errors.ts';
import { succeedWith } from './program-output.ts';

/** The engines that a window can show: Berth's own, and those of Docker's contexts, wherever they are. */
export class Engines {
  readonly #own: string;
  readonly #ownHost: string;
  readonly #env: NodeJS.ProcessEnv;
  /** The engine that is shown; empty for Berth's own. */
  #chosen: { name: string; host: string; socket: string };
  readonly #sockets = new Map<string, string>();

  constructor(own: string, ownHost: string, env: NodeJS.ProcessEnv) {
    this.#own = own;
    this.#ownHost = ownHost;
    this.#env = env;
    this.#chosen = { name: '', host: ownHost, socket: own };
  }

  /** Where the engine that is shown answers. */
  get socket(): string {
    return this.#chosen.socket;
  }

  /** The context whose engine is shown; empty for Berth's own. */
  get name(): string {
    return this.#chosen.name;
  }

  /** True while another engine than Berth's own is shown. */
  get isForeign(): boolean {
    return this.#chosen.name !== '';
  }

  /** What a program of Docker's needs in its environment to speak with it. */
  get dockerHost(): string {
    return this.isForeign ? `unix://${this.socket}` : this.#ownHost;
  }

  /** Its address, as its context has it. */
  get host(): string {
    return this.#chosen.host;
  }

  async list(): Promise<EngineDocument[]> {
    const own = { name: '', host: this.#ownHost, description: '', chosen: !this.isForeign, problem: '' };
    const contexts = await readContexts(this.#env);
    return [own, ...contexts.map(each => ({ ...each, chosen: each.name === this.#chosen.name }))];
  }

  /** Shows another one from now on. @throws not-found */
  async choose(name: string): Promise<void> {
    if (name === '') {
      this.#chosen = { name, host: this.#ownHost, socket: this.#own };
      return;
    }
    const found = (await readContexts(this.#env)).find(each => each.name === name);
    if (!found) throw notFound(`There is no docker context ${name}`);
    const socket = this.#sockets.get(name) ?? (await forward(name, this.#env));
    this.#sockets.set(name, socket);
    this.#chosen = { name, host: found.host, socket };
  }
}

interface ContextLine {
  Name: string;
  Description: string;
  DockerEndpoint: string;
  Error: string;
}

/** Docker's contexts, as its command tells them; none without the command. */
async function readContexts(env: NodeJS.ProcessEnv): Promise<Omit<EngineDocument, 'chosen'>[]> {
  const text = await succeedWith('docker', ['context', 'ls', '--format', 'json'], env).catch(() => '');
  return text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as ContextLine)
    .map(({ Name, Description, DockerEndpoint, Error: problem }) => ({
      name: Name,
      host: DockerEndpoint,
      description: Description,
      problem: problem ?? '',
    }));
}

/**
 * A socket of this user's behind which a context's engine answers: each connection is a `docker system dial-stdio`, which
 * knows SSH and TLS and their keys, and asks no more of the other side than a `docker` command. It lives as long as we do.
 */
async function forward(context: string, env: NodeJS.ProcessEnv): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-context-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'engine.sock');
  const server = createServer({ allowHalfOpen: true }, socket => dial(socket, context, env));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return path;
}

function dial(socket: Socket, context: string, env: NodeJS.ProcessEnv): void {
  const { DOCKER_HOST: _host, ...rest } = env;
  const child = spawn('docker', ['--context', context, 'system', 'dial-stdio'], {
    env: rest,
    stdio: ['pipe', 'pipe', 'ignore'],
    windowsHide: true,
  });
  // asked to end it waits until what it has was read, which nobody does any more: it must see its output gone
  const end = (): void => {
    for (const stream of [socket, child.stdin, child.stdout]) stream.destroy();
    child.kill();
  };
  for (const stream of [socket, child.stdin, child.stdout]) stream.on('error', end);
  child.once('error', end);
  socket.once('close', end);
  socket.pipe(child.stdin);
  // the end of its output ends the socket: when it exits, words of it may still be on their way
  child.stdout.pipe(socket);
}
