import { close, closeSync } from 'node:fs';
import type { HeldExit, HeldProcess } from '../keeper/protocol.ts';
import { duplicate, pidfdEnded, pidfdExit, pidfdSendSignal, zombieExit } from '../syscalls/process.ts';
import { setTerminalSize } from '../syscalls/terminal.ts';
import type { ExitStatus, RunningProcess } from './contract.ts';

const pollMs = 50;
const patienceForReaperMs = 1000;

/** A process as the engine holds it: by duplicates of its own, which outlive the keeper. */
export class ContainerProcess implements RunningProcess {
  readonly id: string;
  readonly pid: number;
  readonly startedAt: Date;
  readonly exited: Promise<ExitStatus>;
  readonly #closeStdin: () => void;
  readonly #settle: (status: ExitStatus) => void;
  #pidfd: number;
  #terminal: number | undefined;
  #watch: NodeJS.Timeout | undefined;
  readonly #duplicateOf: (fd: number) => number;
  readonly #namespaces: number[] = [];

  /** `duplicateOf` fetches the keeper's descriptors. */
  constructor(held: HeldProcess, duplicateOf: (fd: number) => number, closeStdin: () => void) {
    this.id = held.id;
    this.pid = held.pid;
    this.startedAt = new Date(held.startedAt);
    this.#closeStdin = closeStdin;
    this.#duplicateOf = duplicateOf;
    this.#pidfd = duplicateOf(held.pidfd);
    this.#terminal = held.terminal === undefined ? undefined : duplicateOf(held.terminal);
    const { promise, resolve } = Promise.withResolvers<ExitStatus>();
    this.exited = promise;
    this.#settle = resolve;
  }

  get alive(): boolean {
    return this.#pidfd !== -1 && !pidfdEnded(this.#pidfd);
  }

  signal(signal: number): void {
    if (this.#pidfd !== -1) pidfdSendSignal(this.#pidfd, signal);
  }

  openTerminal(): number {
    if (this.#terminal === undefined) throw new Error(`${this.id} has no terminal`);
    return duplicate(this.#terminal);
  }

  resize(rows: number, columns: number): void {
    if (this.#terminal !== undefined) setTerminalSize(this.#terminal, rows, columns);
  }

  closeStdin(): void {
    this.#closeStdin();
  }

  /** The keeper has told. */
  ended({ exitCode, signal, finishedAt, namespaces = [] }: HeldExit): void {
    try {
      for (const fd of namespaces) this.#namespaces.push(this.#duplicateOf(fd));
    } catch {
      // The keeper has died since, and with it what it held.
    }
    this.#end({ exitCode, ...(signal === undefined ? {} : { signal }), finishedAt: new Date(finishedAt) });
  }

  #end(status: ExitStatus): void {
    clearInterval(this.#watch);
    this.#settle(status);
  }

  /** No keeper will tell: look at the process itself, and ask the kernel how it ended. */
  watch(): void {
    if (this.#watch) return;
    let endedAt: number | undefined;
    this.#watch = setInterval(() => {
      if (this.alive) return;
      endedAt ??= Date.now();
      const exit = pidfdExit(this.#pidfd) ?? zombieExit(this.pid, this.#pidfd);
      if (exit) this.#end({ ...exit, finishedAt: new Date(endedAt) });
      else if (Date.now() - endedAt > patienceForReaperMs)
        this.#end({ exitCode: 255, finishedAt: new Date(endedAt), cause: 'its keeper died before it did' });
    }, pollMs);
    this.#watch.unref();
  }

  /**
   * Lets go of the duplicates. Any number of times. Resolves when the kernel has taken down what was held, which takes a
   * millisecond or more for whoever is last: the keeper should have let go before.
   */
  async release(): Promise<void> {
    clearInterval(this.#watch);
    if (this.#pidfd !== -1) closeSync(this.#pidfd);
    if (this.#terminal !== undefined) closeSync(this.#terminal);
    this.#pidfd = -1;
    this.#terminal = undefined;
    await Promise.all(this.#namespaces.splice(0).map(fd => new Promise(resolve => close(fd, resolve))));
  }
}
