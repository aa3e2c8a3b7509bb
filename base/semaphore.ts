/** So many at once; the rest wait in order. How many may change: a smaller number holds once enough have left. */
export class Semaphore {
  #taken = 0;
  readonly #places: () => number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: () => number) {
    this.#places = places;
  }

  /** Runs `work` in a place; `whenWaiting` is called first when there is none yet. @throws the signal's reason, if it fires while waiting. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal, whenWaiting: () => void = () => undefined): Promise<T> {
    if (this.#isFull()) whenWaiting();
    const leave = await this.enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Takes a place. Resolves with what gives it back. @throws the signal's reason, if it fires while waiting. */
  async enter(signal: AbortSignal): Promise<() => void> {
    await this.#take(signal);
    return () => this.#give();
  }

  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isFull()) {
      this.#taken++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      this.#waiting.push(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #give(): void {
    this.#taken--;
    while (!this.#isFull() && this.#waiting.length > 0) {
      this.#taken++;
      this.#waiting.shift()?.();
    }
  }

  #isFull(): boolean {
    return this.#taken >= this.#places();
  }
}
