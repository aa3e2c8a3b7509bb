/** Things by their names, for which others may ask a moment before they are there: a client sends both at once. */
export class Arrivals<T> {
  readonly #here = new Map<string, T>();
  readonly #waiting = new Map<string, Set<(arrived: T) => void>>();

  add(name: string, arrived: T): void {
    this.#here.set(name, arrived);
    for (const take of this.#waiting.get(name) ?? []) take(arrived);
    this.#waiting.delete(name);
  }

  delete(name: string): void {
    this.#here.delete(name);
  }

  /** What has that name, or will have it soon. @throws what `missing` makes when it does not come */
  get(name: string, timeoutMs: number, missing: () => Error): Promise<T> {
    const here = this.#here.get(name);
    if (here !== undefined) return Promise.resolve(here);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    const timer = setTimeout(() => {
      waiting.delete(take);
      if (waiting.size === 0) this.#waiting.delete(name);
      reject(missing());
    }, timeoutMs);
    const take = (arrived: T): void => {
      clearTimeout(timer);
      resolve(arrived);
    };
    waiting.add(take);
    return promise;
  }
}
