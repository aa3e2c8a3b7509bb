import { closeSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Log } from '../../base/log.ts';
import { newEpoll, newEventFd, watch } from '../syscalls/epoll.ts';
import {
  type FromPump,
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

/** The main thread's side of the pump thread, which serves all containers. */
export class Pump {
  readonly #epoll = newEpoll();
  readonly #wake = newEventFd();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #sources = new Map<number, SourceRequest>();
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #stopNow = (): void => this.#askToStop();
  #nextKey = WAKE_KEY + 1;

  constructor(workerFile: string, log: Log) {
    watch(this.#epoll, this.#wake, WAKE_KEY);
    const data: PumpData = { epoll: this.#epoll, wake: this.#wake, stop: this.#stop.buffer };
    this.#worker = new Worker(workerFile, {
      workerData: data,
      name: 'pump',
      // Descriptors come from this thread; they are closed in the other.
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (message: FromPump) => this.#hear(message));
    this.#worker.on('error', error => log.error('The pump thread failed', { error }));
    this.#exited = new Promise(resolve => this.#worker.once('exit', () => resolve()));
    this.#worker.unref();
    // Node joins its threads before it goes, and one that is blocked in epoll_wait(2) hears of nothing else.
    process.on('exit', this.#stopNow);
  }

  add(request: SourceRequest): PumpedSource {
    const key = this.#nextKey++;
    const memory = new SharedArrayBuffer(Shared.bytes);
    const shared = new BigInt64Array(memory);
    shared[Shared.appended] = shared[Shared.processed] = BigInt(request.offset);
    const { fd, how, spool, offset } = request;
    this.#sources.set(key, request);
    const source = { key, fd, how, offset, memory, ...(spool === undefined ? {} : { spool }) };
    this.#post({ kind: 'add', source }, false);
    watch(this.#epoll, fd, key);
    return this.#sourceOf(key, shared);
  }

  async close(): Promise<void> {
    process.off('exit', this.#stopNow);
    this.#askToStop();
    await this.#exited;
    this.#sources.clear();
    closeSync(this.#wake);
    closeSync(this.#epoll);
  }

  #sourceOf(key: number, shared: BigInt64Array): PumpedSource {
    return {
      appended: () => {
        Atomics.store(shared, Shared.noticed, 0n);
        return Number(Atomics.load(shared, Shared.appended));
      },
      processed: offset => {
        Atomics.store(shared, Shared.processed, BigInt(offset));
        if (Atomics.load(shared, Shared.paused) === 0n || offset < Number(Atomics.load(shared, Shared.appended)))
          return;
        if (Atomics.exchange(shared, Shared.paused, 0n) === 1n) this.#post({ kind: 'resume', key });
      },
      cut: () => this.#post({ kind: 'cut', key }),
      drop: () => {
        if (this.#sources.delete(key)) this.#post({ kind: 'drop', key });
      },
    };
  }

  #hear({ key, bytes, ended, error }: FromPump): void {
    const source = this.#sources.get(key);
    if (!source) return;
    if (ended) this.#sources.delete(key);
    if (ended) source.onEnd(error);
    else source.onData(bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  #post(message: ToPump, wake = true): void {
    this.#worker.postMessage(message);
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
