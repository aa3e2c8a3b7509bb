/** How far a file has been written, for readers that follow it. */
export class Growth {
  #bytes = 0;
  #ended = false;
  #failure: unknown;
  #wake: (() => void)[] = [];

  advance(bytes: number): void {
    this.#bytes = bytes;
    this.#wakeAll();
  }

  /** No more will come; with a failure, what was read is worth nothing. */
  end(failure?: unknown): void {
    this.#ended = true;
    this.#failure = failure;
    this.#wakeAll();
  }

  /** The number of bytes that can be read, ever growing; ends with the file, or throws the failure. */
  async *follow(): AsyncGenerator<number> {
    let told = -1;
    for (;;) {
      if (this.#failure) throw this.#failure;
      if (this.#bytes > told) {
        told = this.#bytes;
        yield told;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>(resolve => this.#wake.push(resolve));
      }
    }
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
