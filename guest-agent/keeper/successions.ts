import type { ReapedChild } from '../syscalls/process.ts';
import type { Held } from './held.ts';

/** Programs that make another child of the keeper and end; what they have made takes their place. */
export class Successions {
  readonly #predecessors = new Map<Held, () => void>();
  /** Children that have ended before anybody knew them. */
  readonly #strangers = new Map<number, ReapedChild>();

  /** To be called before the program is born; resolves when it has ended. */
  expect(held: Held): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#predecessors.set(held, resolve);
    return promise;
  }

  ended(held: Held): void {
    this.#predecessors.get(held)?.();
  }

  /** Remembers a child that may be the successor of one that is expected; false when none is. */
  remember(child: ReapedChild): boolean {
    if (this.#predecessors.size === 0) return false;
    this.#strangers.set(child.pid, child);
    return true;
  }

  /** How the child `pid` has ended, when it has. */
  endOf(pid: number): ReapedChild | undefined {
    return this.#strangers.get(pid);
  }

  over(held: Held): void {
    this.#predecessors.delete(held);
    if (this.#predecessors.size === 0) this.#strangers.clear();
  }
}
