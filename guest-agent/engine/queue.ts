/** Values that one side pushes and the other iterates over, once. What is pushed after the end is dropped. */
export class Queue<T> implements AsyncIterableIterator<T> {
  readonly #values: T[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #ended = false;
  #failure: unknown;
  readonly #onReturn: () => void;

  /** @param onReturn the reader has had enough, or the queue has ended */
  constructor(onReturn: () => void = () => undefined) {
    this.#onReturn = onReturn;
  }

  push(value: T): void {
    if (this.#ended) return;
    if (!this.#waiting) this.#values.push(value);
    else this.#takeWaiting()?.resolve({ value, done: false });
  }

  /** How many values wait for the reader. */
  get length(): number {
    return this.#values.length;
  }

  /** Resolves when the reader has taken everything, or the queue has ended. */
  drained(): Promise<void> {
    if (this.#values.length === 0 || this.#ended) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  end(failure?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#onReturn();
    this.#drained?.resolve();
    if (failure === undefined) this.#takeWaiting()?.resolve({ value: undefined, done: true });
    else this.#takeWaiting()?.reject(failure);
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#values.length > 0) return Promise.resolve({ value: this.#take(), done: false });
    if (this.#ended) return this.#last();
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  return(): Promise<IteratorResult<T>> {
    this.#values.length = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): T {
    const value = this.#values.shift() as T;
    if (this.#values.length === 0) {
      this.#drained?.resolve();
      this.#drained = undefined;
    }
    return value;
  }

  #last(): Promise<IteratorResult<T>> {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(failure);
  }

  #takeWaiting(): PromiseWithResolvers<IteratorResult<T>> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
