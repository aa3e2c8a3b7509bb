import { rm } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { removeIfSmall } from './remove-small.ts';

/** A removal keeps disk and loop busy for a millisecond or more: it begins once nothing else was removed for a while. */
const quietMs = 200;
/** Where it never becomes quiet, none waits longer. */
const mostMs = 2000;

interface Removal {
  path: string;
  since: number;
  resolve(): void;
  reject(error: unknown): void;
}

const waiting: Removal[] = [];
let timer: NodeJS.Timeout | undefined;

/**
 * Removes a tree that nobody looks at any more, when there is time. Resolves when it is gone. A path that is not there is
 * fine.
 */
export function removeLater(path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const since = performance.now();
  const [oldest] = waiting;
  if (oldest && oldest.since < since - mostMs) void settle(oldest, removeInThreads(waiting.shift()?.path ?? ''));
  waiting.push({ path, since, resolve, reject });
  clearTimeout(timer);
  timer = setTimeout(() => void removeWaiting(), quietMs);
  return promise;
}

/** Does now what {@link removeLater} has put off. */
export function removalsDone(): Promise<void> {
  clearTimeout(timer);
  timer = undefined;
  return removeWaiting();
}

/** One after the other, with room for others in between, until there is none left or another one comes. */
async function removeWaiting(): Promise<void> {
  const began = timer;
  for (let next = waiting.shift(); next; next = timer === began ? waiting.shift() : undefined) {
    await settle(next, removeIfSmall(next.path) ? undefined : removeInThreads(next.path));
    await setImmediate();
  }
}

const removeInThreads = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

const settle = ({ resolve, reject }: Removal, removing: Promise<void> | undefined): Promise<void> =>
  Promise.resolve(removing).then(resolve, reject);
