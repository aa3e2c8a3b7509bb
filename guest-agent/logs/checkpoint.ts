import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { EntrySplitter } from './entries.ts';
import { parseJsonLine, type StreamName } from './json-line.ts';
import type { LogPosition } from './log-writer.ts';
import type { Spool } from './spool.ts';

/** How far into each stream everything is in the log. */
export type Offsets = Record<StreamName, number>;

/** At this position of the log exactly these bytes of the streams were in it. */
export interface CheckpointRecord extends LogPosition {
  offsets: Offsets;
}

const RECORD_BYTES = 128;

/** The last known agreement between log and spools: a file of one fixed-size line, written in one piece. */
export class Checkpoint {
  readonly #path: string;
  #fd = -1;
  #exists = false;

  constructor(path: string) {
    this.#path = path;
  }

  get exists(): boolean {
    return this.#exists;
  }

  write(record: CheckpointRecord): void {
    // Not truncated: one that is there stays whole until it is overwritten.
    if (this.#fd === -1) this.#fd = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    this.#exists = true;
    const { inode, size, offsets } = record;
    writeSync(
      this.#fd,
      [inode, size, offsets.stdout, offsets.stderr]
        .join(' ')
        .padEnd(RECORD_BYTES - 1)
        .concat('\n'),
      0,
    );
  }

  read(): CheckpointRecord | undefined {
    if (!existsSync(this.#path)) return undefined;
    const text = readFileSync(this.#path, 'latin1');
    this.#exists = true;
    const [inode = 0, size = 0, stdout = 0, stderr = 0] = text.trim().split(' ').map(Number);
    return text.length === RECORD_BYTES ? { inode, size, offsets: { stdout, stderr } } : undefined;
  }

  close(): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }

  remove(): void {
    if (this.#exists) rmSync(this.#path, { force: true });
    this.#exists = false;
    this.close();
  }
}

/**
 * After a crash: how far into each stream the log goes. What was written after the checkpoint is read again from the
 * log, a torn last line is cut off, and as many entries are skipped in the spools as the log has lines.
 */
export function recoverOffsets(
  checkpoint: CheckpointRecord | undefined,
  logPath: string,
  spools: Record<StreamName, Spool>,
): Offsets {
  if (!checkpoint) return { stdout: 0, stderr: 0 };
  const counts = logTail(logPath, checkpoint);
  return {
    stdout: skipEntries(spools.stdout, checkpoint.offsets.stdout, counts.stdout),
    stderr: skipEntries(spools.stderr, checkpoint.offsets.stderr, counts.stderr),
  };
}

/** Counts the lines after the checkpoint. Another inode: the log was rotated right after it, and all lines are new. */
function logTail(path: string, { inode, size }: LogPosition): Offsets {
  const counts: Offsets = { stdout: 0, stderr: 0 };
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return counts;
    throw error;
  }
  try {
    const now = fstatSync(fd);
    const start = now.ino === inode ? Math.min(size, now.size) : 0;
    const tail = Buffer.alloc(now.size - start);
    readSync(fd, tail, 0, tail.length, start);
    const whole = tail.lastIndexOf(10) + 1;
    if (whole < tail.length) ftruncateSync(fd, start + whole);
    for (const line of tail.toString('utf8', 0, whole).split('\n')) {
      const entry = parseJsonLine(line);
      if (entry) counts[entry.stream]++;
    }
    return counts;
  } finally {
    closeSync(fd);
  }
}

function skipEntries(spool: Spool, from: number, count: number): number {
  const size = spool.size();
  const splitter = new EntrySplitter(from);
  let [offset, seen] = [from, 0];
  for (let position = from; position < size && seen < count; ) {
    const chunk = spool.read(position, size);
    position += chunk.length;
    for (const entry of splitter.push(Buffer.from(chunk))) {
      if (seen === count) break;
      offset = entry.end;
      seen++;
    }
  }
  // One more line than entries: the stream had ended, and its rest was logged as it was.
  return seen < count ? (splitter.finish()[0]?.end ?? offset) : offset;
}
