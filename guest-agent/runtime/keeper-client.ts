import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import type { KeeperEvent, KeeperMessage, KeeperReply, KeeperRequest } from '../keeper/protocol.ts';
import { protocolVersion } from '../keeper/protocol.ts';
import { AT_FDCWD } from '../syscalls/file.ts';
import { changeMount, cloneTree } from '../syscalls/mount.ts';
import { MOUNT_ATTR_RDONLY } from '../syscalls/mount-flags.ts';
import { pidfdGetfd, pidfdOpen } from '../syscalls/process.ts';

const attempts = 1000;
const pauseMs = 10;

/** Where a machine's init notes the pid of the keeper that it starts beside us: it is waited for, not doubled. */
const noteOf = (execRoot: string): string => join(execRoot, 'keeper.starting');

/** The keeper that runs is of an earlier release and holds containers: it cannot be talked to. */
class OldKeeperError extends Error {
  override readonly name = 'OldKeeperError';
}

/** A connection to a living keeper. */
export class KeeperClient {
  readonly pid: number;
  /** `ok`, or what is wrong with forks here. */
  readonly canary: Promise<string>;
  readonly #pidfd: number;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (reply: KeeperReply) => void>();
  #requests = 0;
  #closing = false;
  #lost: () => void = () => undefined;
  #exit: (event: KeeperEvent) => void = () => undefined;

  private constructor(socket: Socket, hello: { pid: number }) {
    this.#socket = socket;
    this.pid = hello.pid;
    this.#pidfd = pidfdOpen(hello.pid);
    this.canary = this.request({ op: 'canary' }).then(({ canary, error }) => canary ?? error?.detail ?? 'no answer');
  }

  /** Finds the keeper of `execRoot`, or starts one. @throws Error when none answers */
  static async open(options: { execRoot: string; program: string[]; log: Log }): Promise<KeeperClient> {
    const path = join(options.execRoot, 'keeper.sock');
    let started = false;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const socket = await tryConnect(path);
      // One that is just dying may still have accepted: then there is no greeting.
      const client = socket && (await KeeperClient.#greet(socket).catch((error: Error) => error));
      if (client instanceof KeeperClient) {
        rmSync(noteOf(options.execRoot), { force: true }); // pids are used again
        return client;
      }
      if (client instanceof OldKeeperError) throw client;
      if (!started && !isUnderWay(options.execRoot)) {
        startKeeper(options);
        started = true;
      }
      await new Promise(resolve => setTimeout(resolve, pauseMs));
    }
    throw new Error(`no keeper answers at ${path}; see keeper.log beside it`);
  }

  static async #greet(socket: Socket): Promise<KeeperClient> {
    const { promise, resolve, reject } = Promise.withResolvers<KeeperClient>();
    let client: KeeperClient | undefined;
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error('the keeper closed the connection'));
      if (client) client.#onClose();
    });
    onMessages(socket, message => {
      if (client) return client.#take(message);
      if (!('reply' in message) || !message.hello) return;
      if (message.hello.version < protocolVersion)
        return reject(new OldKeeperError(`the running keeper speaks version ${message.hello.version}`));
      client = new KeeperClient(socket, message.hello);
      resolve(client);
    });
    socket.write(`${JSON.stringify({ op: 'hello', request: 0 })}\n`);
    return promise;
  }

  /** What to do when an exit is told, and when the keeper is gone without having been asked to go. */
  listen(listeners: { exit: (event: KeeperEvent) => void; lost: () => void }): void {
    this.#exit = listeners.exit;
    this.#lost = listeners.lost;
  }

  /** A {@link request} to which no answer is wanted: none wakes anybody. */
  tell(request: KeeperRequest): void {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(request)}\n`);
  }

  /** @throws Error when the keeper goes away before it answers */
  request(request: KeeperRequest): Promise<KeeperReply> {
    const number = ++this.#requests;
    const { promise, resolve } = Promise.withResolvers<KeeperReply>();
    this.#waiting.set(number, resolve);
    if (this.#socket.destroyed) this.#onClose();
    else this.#socket.write(`${JSON.stringify({ ...request, request: number })}\n`);
    return promise;
  }

  /** A duplicate of a descriptor that the keeper holds. */
  duplicate(fd: number): number {
    return pidfdGetfd(this.#pidfd, fd);
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #take(message: KeeperMessage): void {
    if ('event' in message) {
      this.#exit(message);
      return;
    }
    this.#waiting.get(message.reply)?.(message);
    this.#waiting.delete(message.reply);
  }

  #onClose(): void {
    const error = { step: 'keeper', code: 'ECONNRESET', subject: '', detail: 'the keeper went away' };
    for (const [reply, answer] of this.#waiting) answer({ reply, error });
    this.#waiting.clear();
    if (this.#closing) return;
    this.#closing = true;
    closeSync(this.#pidfd);
    this.#lost();
  }
}

function isUnderWay(execRoot: string): boolean {
  try {
    return existsSync(`/proc/${Number(readFileSync(noteOf(execRoot), 'utf8'))}`);
  } catch {
    return false; // nobody else starts keepers here
  }
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

/**
 * In a session of its own, with no environment, from a read-only mount of its program that is in no mount table: a
 * container that executes /proc/self/exe before its own program has replaced the fork cannot write to it (CVE-2019-5736).
 */
function startKeeper({ execRoot, program, log }: { execRoot: string; program: string[]; log: Log }): void {
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const [executable = '', ...args] = program;
  const output = openSync(join(execRoot, 'keeper.log'), 'a', 0o600);
  const readonly = readonlyCopy(executable, log);
  const child = spawn(readonly === undefined ? executable : `/proc/self/fd/${readonly}`, [...args, execRoot], {
    detached: true,
    stdio: ['ignore', output, output],
    env: {},
    argv0: 'berth-keeper',
    cwd: '/',
  });
  child.on('error', error => log.error('the keeper does not start', { error }));
  child.unref();
  closeSync(output);
  if (readonly !== undefined) closeSync(readonly);
}

function readonlyCopy(path: string, log: Log): number | undefined {
  try {
    const mount = cloneTree(AT_FDCWD, path, false);
    changeMount(mount, { set: MOUNT_ATTR_RDONLY }, false, path);
    return mount;
  } catch (error) {
    log.warn('the keeper runs from a writable file', { error });
    return undefined;
  }
}

function onMessages(socket: Socket, take: (message: KeeperMessage) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as KeeperMessage);
  });
}
