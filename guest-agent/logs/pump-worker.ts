/** The pump thread: moves bytes of all containers out of their pipes, all day long, blocked in epoll_wait(2). */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { createWaiter, type Readiness, unwatch, watch } from '../syscalls/epoll.ts';
import { growPipe, splicePipe } from '../syscalls/splice.ts';
import {
  type FromPump,
  highWaterOf,
  type PumpData,
  Shared,
  type SourceDescription,
  type ToPump,
  WAKE_KEY,
} from './pump-protocol.ts';

const SPLICE_BYTES = 1 << 20;
/** What a pipe holds at first, and what it may hold once it was found full: who says much need not wait so often. */
const PIPE_BYTES = 64 << 10;
const WIDE_PIPE_BYTES = 256 << 10;
const READ_BYTES = 64 << 10;
/** What a pipe may hold at most is taken when it is cut; one that is filled again and again has no end. */
const CUT_ROUNDS = 64;
/** Rounds that follow each other within this time, and a rest between them in which pipes fill. */
const RUSH_MS = 1;
const REST_MS = 0.5;

const { epoll, wake, stop } = workerData as PumpData;
if (!parentPort) throw new Error('The pump runs in a worker thread only');
const port = parentPort;
const stopping = new Int32Array(stop);
const wait = createWaiter(epoll);
const scratch = Buffer.alloc(READ_BYTES);
const sources = new Map<number, Source>();
const nobody = new Int32Array(new SharedArrayBuffer(4));
let movedBytes = 0;
const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code;

class Source {
  readonly #description: SourceDescription;
  readonly #shared: BigInt64Array;
  readonly #highWater: number;
  #offset: number;
  #spool = -1;
  #wide = false;
  #watched: boolean;

  constructor(description: SourceDescription) {
    this.#description = description;
    this.#shared = new BigInt64Array(description.memory);
    this.#offset = description.offset;
    // Whoever adds a source watches it; one that a failed thread had paused is added again as it was.
    this.#watched = Atomics.load(this.#shared, Shared.paused) === 0n;
    this.#highWater = highWaterOf(description.spool);
  }

  /** Moves once. When there will be nothing more, the source ends. */
  advance(readable: boolean): void {
    try {
      // An end without bytes is taken at its word, or a spool would be made for nothing.
      const moved = readable || this.#description.how === 'read' ? this.#move() : 0;
      if (moved === 0) this.end();
      else if (moved !== undefined) this.#moved(moved);
    } catch (error) {
      // EIO is how a terminal says that nobody has its other side any more.
      this.end(codeOf(error) === 'EIO' ? undefined : String(error));
    }
  }

  resume(): void {
    if (this.#watched) return;
    watch(epoll, this.#description.fd, this.#description.key);
    this.#watched = true;
  }

  end(error?: string): void {
    this.close();
    tell({ key: this.#description.key, ended: true, ...(error ? { error } : {}) });
  }

  close(): void {
    const { key, fd } = this.#description;
    if (!sources.delete(key)) return;
    if (this.#watched) unwatch(epoll, fd);
    closeSync(fd);
    if (this.#spool !== -1) closeSync(this.#spool);
  }

  /** How many bytes were moved; 0 at the end, undefined for none now. */
  #move(): number | undefined {
    const { how, fd, spool, key } = this.#description;
    if (how === 'splice') return this.#splice(this.#openSpool(spool ?? ''));
    const count = readSome(fd);
    if (!count) return count;
    if (spool === undefined) send(key, scratch.subarray(0, count));
    else writeAll(this.#openSpool(spool), scratch.subarray(0, count), this.#offset);
    return count;
  }

  #splice(spool: number): number | undefined {
    const { fd } = this.#description;
    const count = splicePipe(fd, spool, this.#offset, SPLICE_BYTES);
    if (count === PIPE_BYTES && !this.#wide) growPipe(fd, WIDE_PIPE_BYTES);
    this.#wide ||= count === PIPE_BYTES;
    return count;
  }

  /** Not for appending: splice(2) refuses that. */
  #openSpool(path: string): number {
    if (this.#spool === -1) this.#spool = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    return this.#spool;
  }

  #moved(count: number): void {
    this.#offset += count;
    movedBytes += count;
    Atomics.store(this.#shared, Shared.appended, BigInt(this.#offset));
    this.#pauseIfFarAhead();
    if (this.#description.spool === undefined) return;
    if (Atomics.exchange(this.#shared, Shared.noticed, 1n) === 0n) tell({ key: this.#description.key });
  }

  #pauseIfFarAhead(): void {
    const ahead = (): boolean => this.#offset - Number(Atomics.load(this.#shared, Shared.processed)) > this.#highWater;
    if (!this.#watched || !ahead()) return;
    unwatch(epoll, this.#description.fd);
    this.#watched = false;
    Atomics.store(this.#shared, Shared.paused, 1n);
    // The main thread may have caught up between the look and the flag, and would then say nothing.
    if (!ahead() && Atomics.exchange(this.#shared, Shared.paused, 0n) === 1n) this.resume();
  }
}

function tell(message: FromPump): void {
  port.postMessage(message);
}

function send(key: number, bytes: Buffer): void {
  const own = new Uint8Array(bytes);
  port.postMessage({ key, bytes: own } satisfies FromPump, [own.buffer]);
}

/** Undefined when there is nothing now. */
function readSome(fd: number): number | undefined {
  try {
    return readSync(fd, scratch);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN' || codeOf(error) === 'EINTR') return undefined;
    throw error;
  }
}

function writeAll(fd: number, bytes: Buffer, offset: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}

/** Takes what is there without waiting, and ends. */
function cut(source: Source, key: number): void {
  source.resume();
  for (let round = 0; round < CUT_ROUNDS && sources.has(key); round++) {
    const ready = wait(0);
    const ours = ready.find(one => one.key === key);
    if (!ours) break;
    source.advance(ours.readable);
  }
  if (sources.has(key)) source.end();
}

function obey(message: ToPump): void {
  if (message.kind === 'add') {
    const { key } = message.source;
    sources.set(key, new Source(message.source));
    return;
  }
  const source = sources.get(message.key);
  if (!source) return;
  if (message.kind === 'resume') source.resume();
  else if (message.kind === 'cut') cut(source, message.key);
  else source.close();
}

function obeyAll(): void {
  for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port))
    obey(received.message as ToPump);
}

function react({ key, readable }: Readiness): void {
  if (key === WAKE_KEY) {
    readSync(wake, scratch, 0, 8, null);
    obeyAll();
    return;
  }
  // Whoever adds a source watches it at once and says so without waking us.
  if (!sources.has(key)) obeyAll();
  sources.get(key)?.advance(readable);
}

obeyAll();
for (let [moved, last] = [0, 0]; Atomics.load(stopping, 0) === 0; ) {
  for (const ready of wait(-1)) react(ready);
  const [now, something] = [performance.now(), movedBytes > moved];
  if (something && now - last < RUSH_MS) Atomics.wait(nobody, 0, 0, REST_MS);
  if (something) [moved, last] = [movedBytes, performance.now()];
}
for (const source of sources.values()) source.close();
