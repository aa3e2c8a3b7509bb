import type { Log } from '../../base/log.ts';
import type { Namespace, Wire } from './sandbox.ts';

export interface ReadySandbox {
  namespace: Namespace;
  wire: Wire;
}

const restMs = 3;

/**
 * Sandboxes made beforehand on the default bridge. They are made one at a time, only after `restMs` without a request,
 * as each stops the loop for a millisecond; who finds the pool empty makes one.
 */
export class SandboxPool {
  readonly #make: () => ReadySandbox;
  readonly #size: number;
  readonly #log: Log;
  #ready: ReadySandbox[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: { make: () => ReadySandbox; size: number; log: Log }) {
    this.#make = options.make;
    this.#size = options.size;
    this.#log = options.log;
    this.refillLater();
  }

  take(): ReadySandbox {
    this.refillLater();
    return this.#ready.shift() ?? this.#make();
  }

  /** (Re)starts the wait for a quiet moment. */
  refillLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    if (this.#ready.length >= this.#size) return;
    this.#timer = setTimeout(() => this.#refillOne(), restMs);
    this.#timer.unref();
  }

  /** Hands over what is ready and makes no more. */
  close(): ReadySandbox[] {
    this.#closed = true;
    clearTimeout(this.#timer);
    const left = this.#ready;
    this.#ready = [];
    return left;
  }

  /** The links that belong to nobody yet. */
  hostInterfaces(): string[] {
    return this.#ready.map(({ wire }) => wire.hostInterface);
  }

  #refillOne(): void {
    try {
      this.#ready.push(this.#make());
      if (this.#ready.length < this.#size) this.#timer = setTimeout(() => this.#refillOne(), 1).unref();
    } catch (error) {
      this.#log.warn('no sandbox could be made beforehand', { error }); // whoever needs one tries again, and says why
    }
  }
}
