import type { Log } from '../../base/log.ts';
import { messageOf } from '../../contracts/errors.ts';

/** Right after a launch was asked for, the engine waits for the child anyway: a good moment. */
const pauseMs = 1;

/**
 * Things made beforehand because making one stops the loop for a millisecond. One is made at a time, a moment after
 * another was taken; who finds nothing ready makes one.
 */
export class ReadyPool<Thing> {
  readonly #make: () => Thing;
  readonly #size: number;
  readonly #log: Log;
  readonly #ready: Thing[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: { make: () => Thing; size: number; log: Log }) {
    this.#make = options.make;
    this.#size = options.size;
    this.#log = options.log;
    this.#refillSoon();
  }

  take(): Thing {
    const ready = this.#ready.shift() ?? this.#make();
    this.#refillSoon();
    return ready;
  }

  /** What is ready and belongs to nobody yet. */
  contents(): readonly Thing[] {
    return this.#ready;
  }

  /** Hands over what is ready, and makes no more. */
  close(): Thing[] {
    this.#closed = true;
    clearTimeout(this.#timer);
    return this.#ready.splice(0);
  }

  #refillSoon(): void {
    if (this.#closed || this.#timer || this.#ready.length >= this.#size) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#refillOne();
    }, pauseMs);
    this.#timer.unref();
  }

  #refillOne(): void {
    try {
      this.#ready.push(this.#make());
      this.#refillSoon();
    } catch (error) {
      this.#log.warn(`nothing could be made beforehand: ${messageOf(error)}`, { error }); // who needs one tries again, and says why
    }
  }
}
