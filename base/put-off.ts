import { setImmediate } from 'node:timers/promises';

/** Clearing away keeps disk, kernel and loop busy for a millisecond or more: it begins once nothing more of it came for a while. */
const quietMs = 200;
/** Where it never becomes quiet, none waits longer. */
const mostMs = 2000;

/** Work that can wait. */
export interface PutOff {
  /** Settles as the work does. */
  readonly done: Promise<void>;
  /** Begins it, unless that has happened; {@link PutOff.done}. */
  now(): Promise<void>;
}

type Work = () => void | Promise<void>;

class Job implements PutOff {
  readonly since = performance.now();
  readonly done: Promise<void>;
  readonly #work: Work;
  readonly #settle: (result: Promise<void>) => void;

  constructor(work: Work) {
    this.#work = work;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = resolve;
  }

  now(): Promise<void> {
    if (waiting.delete(this)) this.#settle((async () => this.#work())());
    return this.done;
  }
}

/** In the order in which they came. */
const waiting = new Set<Job>();
let timer: NodeJS.Timeout | undefined;

/** Does `work` when there is time. Whoever puts it off cares for its failure. */
export function putOff(work: Work): PutOff {
  const job = new Job(work);
  const [oldest] = waiting;
  if (oldest && oldest.since < job.since - mostMs) void setImmediate().then(() => settled(oldest));
  waiting.add(job);
  clearTimeout(timer);
  timer = setTimeout(() => void workOff(), quietMs);
  return job;
}

/** Does now what was put off. */
export async function putOffDone(): Promise<void> {
  while (waiting.size > 0) {
    clearTimeout(timer);
    timer = undefined;
    await workOff();
  }
}

/** One after the other, with room for others in between, until there is none left or another one comes. */
async function workOff(): Promise<void> {
  const began = timer;
  for (let [next] = waiting; next && timer === began; [next] = waiting) {
    await settled(next);
    await setImmediate();
  }
}

const settled = (job: Job): Promise<void> =>
  job.now().then(
    () => undefined,
    () => undefined,
  );
