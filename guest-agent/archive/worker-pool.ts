import { availableParallelism } from 'node:os';
import { type MessagePort, Worker } from 'node:worker_threads';
import type { Log } from '../../base/log.ts';
import { cancelled, fromWire, internal } from '../../contracts/errors.ts';
import { returnBlocksAbove, returnFreeMemory } from '../syscalls/memory.ts';
import type { FromWorker, Job, JobResults, ToWorker } from './job.ts';

/** An idle thread keeps some 10 MB; starting one costs 40 ms. */
const idleMs = 10_000;

/** Of memory: what is larger is not kept for later. Layers pass through it in blocks. */
const blockBytes = 128 * 1024;

interface Waiting {
  resolve(result: JobResults[Job['kind']]): void;
  reject(error: unknown): void;
}

interface Thread {
  worker: Worker;
  waiting: Map<number, Waiting>;
  idle: NodeJS.Timeout | undefined;
}

/** Threads that come when there is work and go when there is none. A thread can do several jobs by turns. */
export class WorkerPool {
  readonly #file: string;
  readonly #log: Log;
  readonly #threads = new Set<Thread>();
  readonly #most = Math.max(2, availableParallelism());
  #nextId = 1;
  #closed = false;

  constructor(options: { workerFile: string; log: Log }) {
    this.#file = options.workerFile;
    this.#log = options.log;
  }

  run<K extends Job['kind']>(
    job: Job & { kind: K },
    options: { signal?: AbortSignal; transfer?: MessagePort[] } = {},
  ): Promise<JobResults[K]> {
    if (this.#closed) return Promise.reject(cancelled('the engine is stopping'));
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    const thread = this.#takeThread();
    const id = this.#nextId++;
    const say = (message: ToWorker, transfer: MessagePort[] = []): void => thread.worker.postMessage(message, transfer);
    const cancel = (): void => say({ id, cancel: true });
    const result = new Promise<JobResults[Job['kind']]>((resolve, reject) => {
      thread.waiting.set(id, { resolve, reject });
      say({ id, job }, options.transfer);
      options.signal?.addEventListener('abort', cancel, { once: true });
    });
    return result
      .catch(error => {
        throw options.signal?.aborted ? options.signal.reason : error;
      })
      .finally(() => options.signal?.removeEventListener('abort', cancel)) as Promise<JobResults[K]>;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map(thread => thread.worker.terminate()));
  }

  #takeThread(): Thread {
    const [least] = [...this.#threads].sort((left, right) => left.waiting.size - right.waiting.size);
    const thread = least && (least.waiting.size === 0 || this.#threads.size >= this.#most) ? least : this.#start();
    clearTimeout(thread.idle);
    thread.worker.ref();
    return thread;
  }

  #start(): Thread {
    returnBlocksAbove(blockBytes);
    const thread: Thread = { worker: new Worker(this.#file), waiting: new Map(), idle: undefined };
    this.#threads.add(thread);
    thread.worker.on('message', (message: FromWorker) => this.#onMessage(thread, message));
    thread.worker.on('error', error => this.#log.error('an archive thread failed', { error }));
    thread.worker.on('exit', () => this.#onExit(thread));
    return thread;
  }

  #onMessage(thread: Thread, message: FromWorker): void {
    const waiting = thread.waiting.get(message.id);
    thread.waiting.delete(message.id);
    if ('error' in message) waiting?.reject(fromWire(message.error));
    else waiting?.resolve(message.result);
    if (thread.waiting.size > 0) return;
    thread.worker.unref();
    thread.idle = setTimeout(() => this.#retire(thread), idleMs);
    thread.idle.unref();
  }

  /** Its end takes a while, longer on a busy machine: nobody may give it work meanwhile. */
  #retire(thread: Thread): void {
    this.#threads.delete(thread);
    void thread.worker.terminate();
  }

  #onExit(thread: Thread): void {
    this.#threads.delete(thread);
    clearTimeout(thread.idle);
    if (this.#threads.size === 0) returnFreeMemory(); // tens of megabytes after a pull
    for (const waiting of thread.waiting.values()) waiting.reject(internal('an archive thread ended early'));
  }
}
