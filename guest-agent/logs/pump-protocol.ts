/**
 * What the main thread and the pump thread say to each other about one source of bytes (a FIFO or a terminal).
 * Lengths travel in shared memory, so a container that writes a line at a time causes no message for each: the pump
 * says "there is something" once, and again only after the main thread has looked.
 */
export type ToPump =
  | { kind: 'add'; source: SourceDescription }
  /** The main thread has nearly caught up with a source that was paused. */
  | { kind: 'resume'; key: number }
  /** Take what is there now and call it the end. */
  | { kind: 'cut'; key: number }
  /** Let go at once; nothing more is told. */
  | { kind: 'drop'; key: number };

export interface SourceDescription {
  key: number;
  /** Belongs to the pump from here on, which closes it. */
  fd: number;
  /** A pipe that is spliced into a spool, or something that is read: into its spool, or to the main thread. */
  how: 'splice' | 'read';
  /** Path of the spool; made when the first byte comes. Absent: bytes are sent to the main thread. */
  spool?: string;
  /** Where in the spool (or in the count of sent bytes) this source goes on. */
  offset: number;
  /** See {@link Shared}. */
  memory: SharedArrayBuffer;
}

export type FromPump = { key: number; bytes?: Uint8Array; ended?: true; error?: string };

/** Slots of a source's shared memory, each a 64-bit integer. */
export const Shared = {
  /** Bytes moved so far; written by the pump. */
  appended: 0,
  /** Bytes done with; written by the main thread. */
  processed: 1,
  /** 1 while a notice is under way. */
  noticed: 2,
  /** 1 while the pump has stopped reading, for the main thread is too far behind. */
  paused: 3,
  bytes: 32,
} as const;

export interface PumpData {
  epoll: number;
  /** Wakes the pump to look into its messages. */
  wake: number;
  /** One 32-bit integer, 1 when the thread must end. */
  stop: SharedArrayBuffer;
}

/** Key of the wake-up descriptor. */
export const WAKE_KEY = 0;
/** How far the main thread may fall behind before a container has to wait: in spools, and in memory. */
const SPOOL_HIGH_WATER = 4 << 20;
const MEMORY_HIGH_WATER = 1 << 20;
export const highWaterOf = (spool: string | undefined): number =>
  spool === undefined ? MEMORY_HIGH_WATER : SPOOL_HIGH_WATER;
