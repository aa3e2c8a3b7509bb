/**
 * One at a time, in order of arrival. Every container, network, volume and machine has one, so that its state
 * has a single writer. Only bounded work belongs inside: never wait there for a process, a client or another mailbox.
 */
export class Mailbox {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs `work` after everything that was handed in before it. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when what is in the mailbox now is done. */
  async settled(): Promise<void> {
    await this.#tail;
  }
}
