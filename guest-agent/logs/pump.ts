import { closeSync, statSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Log } from '../../base/log.ts';
import { newEpoll, newEventFd, watch } from '../syscalls/epoll.ts';
import {
  type FromPump,
  highWaterOf,
  type PumpData,
  Shared,
  type SourceDescription,
  type ToPump,
  WAKE_KEY,
} from './pump-protocol.ts';

/** Something to be pumped; see {@link SourceDescription}. */
export interface SourceRequest {
  fd: number;
  how: SourceDescription['how'];
  spool?: string;
  offset: number;
  /** There is more in the spool, or these bytes have come. */
  onData(bytes: Buffer | undefined): void;
  onEnd(error: string | undefined): void;
}

/** A source that is being pumped. */
export interface PumpedSource {
  /** Bytes moved so far. Asking means that the next ones are announced again. */
  appended(): number;
  /** How far the main thread has come: lets a paused source go on. */
  processed(offset: number): void;
  /** Take what is there and end: `onEnd` follows. */
  cut(): void;
  /** Let go: nothing follows. */
  drop(): void;
}

/** A pump thread that failed is replaced, but not in a busy loop. */
const RESTART_MS = 100;

/** The thread starts with the first source, or after this time: while the engine starts, the processors are wanted. */
const START_MS = 2000;

interface Pumped {
  request: SourceRequest;
  description: SourceDescription;
}

/** The main thread's side of the pump thread, which serves all containers. */
export class Pump {
  readonly #epoll = newEpoll();
  readonly #wake = newEventFd();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #sources = new Map<number, Pumped>();
  readonly #workerFile: string;
  readonly #log: Log;
  readonly #stopNow = (): void => this.#askToStop();
  readonly #starting: NodeJS.Timeout;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #nextKey = WAKE_KEY + 1;

  constructor(workerFile: string, log: Log) {
    this.#workerFile = workerFile;
    this.#log = log;
    watch(this.#epoll, this.#wake, WAKE_KEY);
    this.#starting = setTimeout(() => this.#running(), START_MS).unref();
    // Node joins its threads before it goes, and one that is blocked in epoll_wait(2) hears of nothing else.
    process.on('exit', this.#stopNow);
  }

  add(request: SourceRequest): PumpedSource {
    const key = this.#nextKey++;
    const memory = new SharedArrayBuffer(Shared.bytes);
    const shared = new BigInt64Array(memory);
    shared[Shared.appended] = shared[Shared.processed] = BigInt(request.offset);
    const { fd, how, spool, offset } = request;
    const description = { key, fd, how, offset, memory, ...(spool === undefined ? {} : { spool }) };
    this.#sources.set(key, { request, description });
    this.#post({ kind: 'add', source: description }, false);
    watch(this.#epoll, fd, key);
    return this.#sourceOf(description, shared);
  }

  async close(): Promise<void> {
    clearTimeout(this.#starting);
    process.off('exit', this.#stopNow);
    this.#askToStop();
    await this.#exited;
    this.#sources.clear();
    closeSync(this.#wake);
    closeSync(this.#epoll);
  }

  #running(): Worker {
    this.#worker ??= this.#start();
    return this.#worker;
  }

  #start(): Worker {
    const data: PumpData = { epoll: this.#epoll, wake: this.#wake, stop: this.#stop.buffer };
    const worker = new Worker(this.#workerFile, {
      workerData: data,
      name: 'pump',
      // Descriptors come from this thread; they are closed in the other.
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', (message: FromPump) => this.#hear(message));
    worker.on('error', error => this.#log.error('The pump thread failed and is started again', { error }));
    this.#exited = new Promise(resolve =>
      worker.once('exit', () => {
        resolve();
        if (Atomics.load(this.#stop, 0) === 0) setTimeout(() => this.#startAgain(), RESTART_MS);
      }),
    );
    worker.unref();
    return worker;
  }

  /** What the failed one did is in the spools' lengths; what it had read for somebody is told already. */
  #startAgain(): void {
    if (Atomics.load(this.#stop, 0) !== 0) return;
    this.#worker = this.#start();
    for (const { request, description } of this.#sources.values()) {
      const shared = new BigInt64Array(description.memory);
      const told = Number(Atomics.load(shared, Shared.appended));
      const { spool } = description;
      const size = spool === undefined ? 0 : (statSync(spool, { throwIfNoEntry: false })?.size ?? 0);
      const offset = Math.max(told, size);
      Atomics.store(shared, Shared.appended, BigInt(offset));
      this.#post({ kind: 'add', source: { ...description, offset } });
      if (spool !== undefined) request.onData(undefined);
    }
  }

  #sourceOf({ key, spool }: SourceDescription, shared: BigInt64Array): PumpedSource {
    const resumeBelow = highWaterOf(spool) / 2;
    return {
      appended: () => {
        Atomics.store(shared, Shared.noticed, 0n);
        return Number(Atomics.load(shared, Shared.appended));
      },
      processed: offset => {
        Atomics.store(shared, Shared.processed, BigInt(offset));
        if (Atomics.load(shared, Shared.paused) === 0n) return;
        if (Number(Atomics.load(shared, Shared.appended)) - offset > resumeBelow) return;
        if (Atomics.exchange(shared, Shared.paused, 0n) === 1n) this.#post({ kind: 'resume', key });
      },
      cut: () => this.#post({ kind: 'cut', key }),
      drop: () => {
        if (this.#sources.delete(key)) this.#post({ kind: 'drop', key });
      },
    };
  }

  #hear({ key, bytes, ended, error }: FromPump): void {
    const request = this.#sources.get(key)?.request;
    if (!request) return;
    if (ended) this.#sources.delete(key);
    if (ended) request.onEnd(error);
    else request.onData(bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  #post(message: ToPump, wake = true): void {
    this.#running().postMessage(message);
    if (wake) this.#wakeUp();
  }

  #wakeUp(): void {
    writeSync(this.#wake, Buffer.from(BigUint64Array.of(1n).buffer));
  }

  #askToStop(): void {
    Atomics.store(this.#stop, 0, 1);
    this.#wakeUp();
  }
}
