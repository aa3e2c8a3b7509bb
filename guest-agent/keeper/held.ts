import { closeSync, constants, openSync } from 'node:fs';
import type { HeldExit, HeldProcess, StartMessage } from './protocol.ts';

/**
 * Whoever leaves one of these last takes down what is in it, and of a container that is its first process, which is not
 * reported as ended until it has done so. Held here, and by an engine that is there, they go when the exit is told already.
 */
const slowToGo = ['mnt', 'ipc'] as const;

/** One process of a container and all that the keeper holds for it until it is forgotten. */
export class Held {
  readonly id: string;
  readonly container: string | undefined;
  readonly startedAt: number;
  /** Another keeper's child. */
  readonly adopted: boolean;
  pid = 0;
  pidfd = -1;
  terminal = -1;
  /** Execve has succeeded. */
  running = false;
  exit: HeldExit | undefined;
  /** Called when the first of two children is killed before the keeper knows the second. */
  stillborn: (() => void) | undefined;
  #stdinWriter = -1;
  #readers: number[] = [];
  #namespaces: number[] = [];

  constructor({ id, container, startedAt }: { id: string; container?: string; startedAt?: number }) {
    this.id = id;
    this.container = container;
    this.startedAt = startedAt ?? Date.now();
    this.adopted = startedAt !== undefined;
  }

  /**
   * Opens FIFOs so that the container never finds its streams broken while the engine is away: a writer for its
   * standard input, readers (which never read) for its output.
   */
  holdStreams({ write, read }: StartMessage['hold']): void {
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
    for (const path of read) this.#readers.push(openSync(path, O_RDONLY | O_NONBLOCK));
    if (write === null) return;
    const reader = openSync(write, O_RDONLY | O_NONBLOCK); // a writer can only be opened when there is a reader
    this.#stdinWriter = openSync(write, O_WRONLY | O_NONBLOCK);
    closeSync(reader);
  }

  /** For a container's first process, in the place of what was held before. */
  holdNamespaces(): void {
    if (this.exit) return; // its number may be another's
    this.#dropNamespaces();
    try {
      for (const name of slowToGo) this.#namespaces.push(openSync(`/proc/${this.pid}/ns/${name}`, 'r'));
    } catch {
      // It is gone already.
    }
  }

  closeStdin(): void {
    if (this.#stdinWriter !== -1) closeSync(this.#stdinWriter);
    this.#stdinWriter = -1;
  }

  /** From now on it is another process. */
  become(pid: number, pidfd: number): void {
    if (this.pidfd !== -1) closeSync(this.pidfd);
    this.pid = pid;
    this.pidfd = pidfd;
    this.exit = undefined;
    this.stillborn = undefined;
  }

  /** Lets go of a child that never became anything, but not of the streams. */
  renounce(): void {
    for (const fd of [this.pidfd, this.terminal]) if (fd !== -1) closeSync(fd);
    this.pid = 0;
    this.pidfd = -1;
    this.terminal = -1;
    this.exit = undefined;
    this.stillborn = undefined;
  }

  /** Any number of times. */
  release(): void {
    this.closeStdin();
    for (const fd of this.#readers) closeSync(fd);
    this.#readers = [];
    this.#dropNamespaces();
    const { exit } = this;
    this.renounce();
    this.exit = exit;
  }

  #dropNamespaces(): void {
    for (const fd of this.#namespaces) closeSync(fd);
    this.#namespaces = [];
  }

  end({ exitCode, signal }: Pick<HeldExit, 'exitCode' | 'signal'>): void {
    const namespaces = this.#namespaces;
    this.exit = { exitCode, ...(signal === undefined ? {} : { signal }), finishedAt: Date.now(), namespaces };
  }

  describe(): HeldProcess {
    return {
      id: this.id,
      pid: this.pid,
      pidfd: this.pidfd,
      startedAt: this.startedAt,
      ...(this.container === undefined ? {} : { container: this.container }),
      ...(this.adopted ? { adopted: true } : {}),
      ...(this.terminal === -1 ? {} : { terminal: this.terminal }),
      ...(this.exit === undefined ? {} : { exit: this.exit }),
    };
  }
}
