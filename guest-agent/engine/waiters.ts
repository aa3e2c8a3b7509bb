import type { ContainerWaitResponse } from '../../contracts/docker/containers.ts';
import { cancelled } from '../../contracts/errors.ts';
import type { WaitCondition } from './engine.ts';

interface Waiter {
  condition: WaitCondition;
  answer: (response: ContainerWaitResponse) => void;
}

/** Clients that wait for a container to end or to go. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  /** Counts from this call on. @throws cancelled when the signal says so first */
  wait(condition: WaitCondition, signal: AbortSignal): Promise<ContainerWaitResponse> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        reject(cancelled('the client no longer waits'));
      };
      const waiter: Waiter = {
        condition,
        answer: response => {
          signal.removeEventListener('abort', leave);
          resolve(response);
        },
      };
      if (signal.aborted) return leave();
      this.#waiters.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Answers everybody who waits for one of `conditions`. */
  settle(conditions: readonly WaitCondition[], response: ContainerWaitResponse): void {
    for (const waiter of this.#waiters) {
      if (!conditions.includes(waiter.condition)) continue;
      this.#waiters.delete(waiter);
      waiter.answer(response);
    }
  }
}
