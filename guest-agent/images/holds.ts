/** Things in use by work in flight, that no record names yet: whoever tidies up leaves them alone. */
export class Holds<T> {
  readonly #held = new Set<ReadonlySet<T>>();

  /** Holds `things` until what it returns is called. */
  take(things: Iterable<T>): () => void {
    const set = new Set(things);
    this.#held.add(set);
    return () => this.#held.delete(set);
  }

  has(thing: T): boolean {
    for (const set of this.#held) if (set.has(thing)) return true;
    return false;
  }
}
