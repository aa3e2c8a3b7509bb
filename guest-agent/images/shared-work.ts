import type { LayerNews } from './progress.ts';

/** Who waits for a piece of shared work. */
export interface Participant {
  signal: AbortSignal;
  tell: (news: LayerNews) => void;
}

/**
 * One piece of work for several who want the same. It tells all of them how far it is, a latecomer where it stands,
 * and it is given up only when the last of them has gone.
 */
export class SharedWork<T> {
  readonly #controller = new AbortController();
  readonly #listeners = new Set<Participant['tell']>();
  readonly #result: Promise<T>;
  #latest: LayerNews | undefined;

  constructor(work: (participant: Participant) => Promise<T>) {
    const tell = (news: LayerNews): void => {
      this.#latest = news;
      for (const listener of this.#listeners) listener(news);
    };
    this.#result = Promise.resolve().then(() => work({ signal: this.#controller.signal, tell }));
    this.#result.catch(() => undefined); // each participant hears of it by itself
  }

  /** Everybody left: the work is being undone. */
  get abandoned(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Resolves when nothing runs any more, whatever came of it. */
  async settled(): Promise<void> {
    await this.#result.catch(() => undefined);
  }

  /** Waits for the result. Whoever is the last to leave waits until the work is undone. */
  async join({ signal, tell }: Participant): Promise<T> {
    signal.throwIfAborted();
    this.#listeners.add(tell);
    if (this.#latest) tell(this.#latest);
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => {
        this.#listeners.delete(tell);
        if (this.#listeners.size === 0) this.#controller.abort(signal.reason);
        void this.#gone().then(() => reject(signal.reason));
      };
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([this.#result, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.#listeners.delete(tell);
    }
  }

  async #gone(): Promise<void> {
    if (this.abandoned) await this.settled();
  }
}
