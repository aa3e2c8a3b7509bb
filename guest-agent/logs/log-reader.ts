import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { OutputChunk } from './container-output.ts';
import { parseJsonLine } from './json-line.ts';
import { isPackedForm, packedPath, rotatedPath, unpacked } from './packing.ts';
import { fromJsonLines } from './plain-lines.ts';

export interface ReadOptions {
  stdout: boolean;
  stderr: boolean;
  since?: Date;
  until?: Date;
  /** The last so many entries (before the streams are chosen, as in Docker); absent or negative: all. */
  tail?: number;
  follow: boolean;
  /** Who wants either, or a span of time, is given each entry as a chunk of its own; others as many in one as there are. */
  timestamps?: boolean;
  details?: boolean;
}

const BLOCK_BYTES = 256 << 10;
const NEWLINE = 10;

interface OpenFile {
  fd: number;
  inode: number;
  /** Where it is when it is packed. */
  packed?: string;
}

function openIfThere(path: string, packed = false): OpenFile | undefined {
  try {
    const fd = openSync(path, 'r');
    return { fd, inode: fstatSync(fd).ino, ...(packed ? { packed: path } : {}) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The files of a log, oldest first, all opened at once so that a rotation meanwhile does not matter. */
function openAll(path: string, maxFiles: number): OpenFile[] {
  const files = Array.from(
    { length: maxFiles },
    (_, number) => openIfThere(rotatedPath(path, number)) ?? openIfThere(packedPath(path, number), true),
  );
  const seen = new Set<number>();
  const distinct = files
    .filter(file => file !== undefined)
    .filter(file => {
      if (!seen.has(file.inode)) return Boolean(seen.add(file.inode));
      closeSync(file.fd);
      return false;
    });
  return distinct.reverse();
}

/** Where the last `count` lines of a file begin, and how many there are; looks at blocks from the end. */
export function tailStart(fd: number, count: number): { offset: number; lines: number } {
  const block = Buffer.allocUnsafe(64 << 10);
  let lines = 0;
  const size = fstatSync(fd).size;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const length = readSync(fd, block, 0, end - start, start);
    for (
      let at = block.lastIndexOf(NEWLINE, length - 1);
      at !== -1;
      at = at > 0 ? block.lastIndexOf(NEWLINE, at - 1) : -1
    ) {
      if (start + at + 1 === size) continue; // the end of the last line begins none
      lines++;
      if (lines === count) return { offset: start + at + 1, lines };
    }
    end = start;
  }
  return { offset: 0, lines: size > 0 ? lines + 1 : 0 };
}

/** Puts the content in the place of a packed file. */
async function unpack(file: OpenFile): Promise<OpenFile> {
  if (file.packed === undefined) return file;
  file.fd = await unpacked(file.fd, file.packed);
  delete file.packed;
  return file;
}

/** Where to begin: in which of the files (oldest first), at which byte. */
async function startOf(files: OpenFile[], tail: number | undefined): Promise<{ index: number; offset: number }> {
  if (tail === undefined || tail < 0) return { index: 0, offset: 0 };
  let missing = tail;
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index];
    if (!file) continue;
    if (missing === 0) return { index, offset: fstatSync(file.fd).size };
    const { offset, lines } = tailStart((await unpack(file)).fd, missing);
    missing -= lines;
    if (missing <= 0) return { index, offset };
  }
  return { index: 0, offset: 0 };
}

/** Reads whole lines of a file from an offset on; remembers how far. */
class LineCursor {
  readonly file: OpenFile;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);
  readonly #block = Buffer.allocUnsafe(BLOCK_BYTES);

  constructor(file: OpenFile, offset: number) {
    this.file = file;
    this.#offset = offset;
  }

  /** The next whole lines, without the last line feed; undefined when there are none (yet). */
  next(): Buffer | undefined {
    for (;;) {
      const count = readSync(this.file.fd, this.#block, 0, BLOCK_BYTES, this.#offset);
      if (count === 0) return undefined;
      this.#offset += count;
      const data = Buffer.concat([this.#rest, this.#block.subarray(0, count)]);
      const end = data.lastIndexOf(NEWLINE);
      this.#rest = data.subarray(end + 1);
      if (end !== -1) return data.subarray(0, end);
    }
  }

  close(): void {
    closeSync(this.file.fd);
  }
}

/** Tells a reader that the log has grown. */
export interface Growth {
  /** Resolves at the next change after this call: growth, the end, or that nobody reads any more. */
  next(): Promise<void>;
  /** It will not grow any more. */
  readonly over: boolean;
}

/** Entries of a log, from its files and, with `growth`, as they come. */
export async function* readLog(
  log: { path: string; maxFiles: number },
  options: ReadOptions,
  growth: Growth,
): AsyncGenerator<OutputChunk> {
  const reading = await Reading.open(log, options.tail);
  try {
    for (;;) {
      // Both before looking: what comes between the look and the wait must not be missed.
      const changed = growth.next();
      const over = growth.over;
      const lines = await reading.next();
      for (const chunk of lines ? chunksOf(lines, options) : []) {
        if (chunk === 'late') return;
        yield chunk;
      }
      if (lines) continue;
      if (over || (options.until && Date.now() > options.until.getTime())) return;
      await changed;
    }
  } finally {
    reading.close();
  }
}

/** Follows a log through its files, oldest first, and through rotations meanwhile. */
class Reading {
  readonly #log: { path: string; maxFiles: number };
  #cursor: LineCursor | undefined;
  #newer: OpenFile[];

  static async open(log: { path: string; maxFiles: number }, tail: number | undefined): Promise<Reading> {
    const files = openAll(log.path, log.maxFiles);
    const { index, offset } = await startOf(files, tail);
    for (const { fd } of files.splice(0, index)) closeSync(fd);
    const first = files.shift();
    const reading = new Reading(log, files);
    if (first) reading.#cursor = new LineCursor(await unpack(first), offset);
    return reading;
  }

  private constructor(log: { path: string; maxFiles: number }, newer: OpenFile[]) {
    this.#log = log;
    this.#newer = newer;
  }

  /** The next lines, undefined when there are none now. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const lines = this.#cursor?.next();
      if (lines) return lines;
      if (this.#newer.length === 0) this.#newer = this.#findNewer();
      // It may have grown before it was put aside, after the look above.
      const last = this.#newer.length > 0 ? this.#cursor?.next() : undefined;
      if (last) return last;
      const file = this.#newer.shift();
      if (!file) return undefined;
      this.#cursor?.close();
      this.#cursor = new LineCursor(await unpack(file), 0);
    }
  }

  close(): void {
    this.#cursor?.close();
    for (const { fd } of this.#newer) closeSync(fd);
  }

  #findNewer(): OpenFile[] {
    const current = this.#cursor?.file;
    if (statSync(this.#log.path, { throwIfNoEntry: false })?.ino === current?.inode) return [];
    const files = openAll(this.#log.path, this.#log.maxFiles);
    const isCurrent = (file: OpenFile): boolean =>
      current !== undefined &&
      (file.inode === current.inode || (file.packed !== undefined && isPackedForm(file.fd, current.fd)));
    for (const { fd } of files.splice(0, files.findIndex(isCurrent) + 1)) closeSync(fd);
    return files;
  }
}

/** Each entry that was asked for; all of them in one where nobody needs to know them apart. `late`: see {@link toChunk}. */
function* chunksOf(lines: Buffer, options: ReadOptions): Generator<OutputChunk | 'late'> {
  const apart = options.timestamps || options.details || options.since || options.until;
  const plain = apart ? undefined : fromJsonLines(lines);
  if (plain) {
    if (options[plain.stream]) yield { ...plain, time: dateOf(plain.time) };
    return;
  }
  for (const line of lines.toString('utf8').split('\n')) {
    const chunk = toChunk(line, options);
    if (chunk) yield chunk;
  }
}

let lastDate = { text: '', date: new Date(0) };
/** Lines that were written together have the same time. */
function dateOf(text: string): Date {
  if (lastDate.text !== text) lastDate = { text, date: new Date(text) };
  return lastDate.date;
}

/** Undefined for an entry that was not asked for; `late` for one that is past `until`, as all after it. */
function toChunk(line: string, options: ReadOptions): OutputChunk | 'late' | undefined {
  const entry = parseJsonLine(line);
  if (!entry) return undefined;
  const time = dateOf(entry.time);
  if (options.until && time > options.until) return 'late';
  if (!options[entry.stream] || (options.since && time < options.since)) return undefined;
  return {
    stream: entry.stream,
    data: Buffer.from(entry.log),
    time,
    timestamp: entry.time,
    ...(entry.attrs ? { attributes: entry.attrs } : {}),
  };
}
