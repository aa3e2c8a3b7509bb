import { connect, type Socket } from 'node:net';
import { linesOf } from '../../../../base/lines.ts';
import { unavailable } from '../../../../contracts/errors.ts';

/** The commands of QEMU's machine protocol that we use (qapi/*.json): what they take and what they return. */
export interface QmpCommands {
  qmp_capabilities: { arguments: undefined; returns: object };
  'query-status': { arguments: undefined; returns: { status: string; running: boolean } };
  'query-name': { arguments: undefined; returns: { name?: string } };
  stop: { arguments: undefined; returns: object };
  cont: { arguments: undefined; returns: object };
  'migrate-set-parameters': { arguments: { 'max-bandwidth': number }; returns: object };
  migrate: { arguments: { uri: string }; returns: object };
  'query-migrate': { arguments: undefined; returns: { status?: string; 'error-desc'?: string } };
  system_powerdown: { arguments: undefined; returns: object };
  quit: { arguments: undefined; returns: object };
  /** The old monitor, for what has no command of its own: user networking. Answers with text, also when it fails. */
  'human-monitor-command': { arguments: { 'command-line': string }; returns: string };
}

interface QmpMessage {
  QMP?: unknown;
  id?: number;
  return?: unknown;
  error?: { class: string; desc: string };
  event?: string;
  data?: { reason?: string };
}

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

const answerTimeoutMs = 10_000;

/** A connection to a QEMU's monitor socket. QEMU serves one client at a time: the second waits for its greeting. */
export class Qmp {
  readonly closed: Promise<void>;
  /** Why QEMU shuts down, once it does: `ShutdownCause` of qapi/run-state.json. */
  shutdownCause: string | undefined;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  readonly #greeted = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = this.#read().finally(() => this.#end());
  }

  /** @throws unavailable when nobody listens or greets within `timeoutMs`. */
  static async connect(path: string, timeoutMs = 3000): Promise<Qmp> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', cause => reject(unavailable(`QEMU's monitor does not answer: ${cause.message}`, { cause })));
    });
    socket.on('error', () => undefined);
    const qmp = new Qmp(socket);
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    try {
      await qmp.#greeted.promise;
      await qmp.execute('qmp_capabilities');
      return qmp;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws unavailable with QEMU's words when it refuses, does not answer, or is gone. */
  execute<Name extends keyof QmpCommands>(
    name: Name,
    args?: QmpCommands[Name]['arguments'],
  ): Promise<QmpCommands[Name]['returns']> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#socket.destroyed) return Promise.reject(unavailable(`QEMU is gone (${name})`));
    const timer = setTimeout(() => reject(unavailable(`QEMU does not answer to ${name}`)), answerTimeoutMs);
    this.#waiting.set(id, { resolve, reject });
    this.#socket.write(`${JSON.stringify({ execute: name, arguments: args, id })}\n`);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }) as Promise<QmpCommands[Name]['returns']>;
  }

  /** A command of the human monitor. Its only sign of failure is that it says something else than `success`. */
  async tell(commandLine: string, success = ''): Promise<void> {
    const said = (await this.execute('human-monitor-command', { 'command-line': commandLine })).trim();
    if (!said.endsWith(success) || (success === '' && said !== '')) throw unavailable(said || `${commandLine} failed`);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #read(): Promise<void> {
    try {
      for await (const line of linesOf(this.#socket)) this.#accept(JSON.parse(line) as QmpMessage);
    } catch {
      // QEMU was killed in the middle of a line
    }
  }

  #accept(message: QmpMessage): void {
    if (message.QMP) this.#greeted.resolve();
    if (message.event === 'SHUTDOWN') this.shutdownCause = message.data?.reason;
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (message.error) waiting?.reject(unavailable(message.error.desc));
    else waiting?.resolve(message.return);
  }

  #end(): void {
    this.#socket.destroy();
    const gone = unavailable('QEMU has ended');
    this.#greeted.promise.catch(() => undefined);
    this.#greeted.reject(gone);
    for (const { reject } of this.#waiting.values()) reject(gone);
  }
}

/** The host's port of the forward to `guestPort`, in the table of `info usernet`. */
export function forwardedPort(usernet: string, guestPort: number): number | undefined {
  for (const line of usernet.split('\n')) {
    const [protocol, , , hostPort, , target] = line.trim().split(/\s+/);
    if (protocol?.startsWith('TCP[HOST_FORWARD]') && Number(target) === guestPort) return Number(hostPort);
  }
  return undefined;
}
