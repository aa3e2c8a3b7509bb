import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncFolderSync } from '../../base/sync.ts';

/** One line of a journal, and its place in the order of all. */
export interface JournalLine {
  number: number;
  value: unknown;
}

const lineFeed = 0x0a;

/** A line that is whole says so by a checksum of the rest of it. */
function toLine(number: number, json: string): Buffer {
  const text = `${number} ${json}`;
  return Buffer.from(`${checksumOf(text)} ${text}\n`);
}

const checksumOf = (text: string): string => crc32(text).toString(16).padStart(8, '0');

function parseLine(line: string): JournalLine | undefined {
  const [, checksum, text = '', number, json = ''] = /^([0-9a-f]{8}) ((\d+) (.*))$/.exec(line) ?? [];
  if (checksum === undefined || checksum !== checksumOf(text)) return undefined;
  return { number: Number(number), value: JSON.parse(json) };
}

/**
 * The lines at the beginning of a file that are whole and follow each other; what stands behind them is older, or torn.
 * `foreign`: there is something, and not even the first one is whole.
 */
export function readJournalLines(path: string): JournalLine[] | 'foreign' {
  const bytes = readFileSync(path);
  const lines: JournalLine[] = [];
  for (let at = 0, end = bytes.indexOf(lineFeed); end !== -1; at = end + 1, end = bytes.indexOf(lineFeed, at)) {
    const line = parseLine(bytes.toString('utf8', at, end));
    if (!line || line.number !== (lines.at(-1)?.number ?? line.number - 1) + 1) break;
    lines.push(line);
  }
  return lines.length === 0 && !bytes.equals(Buffer.alloc(bytes.length)) ? 'foreign' : lines;
}

/** Where a file has been written to, and the number of the last line there. */
interface Position {
  offset: number;
  number: number;
}

/**
 * A file whose size never changes: to make a line durable the disk writes the line, and nothing about the file. Those who
 * come while it is at that share its next turn.
 */
export class JournalFile {
  readonly #file: number;
  readonly #bytes: number;
  readonly #sync: (file: number) => Promise<void>;
  #written: Position;
  #durable: Position;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** Opens the file, or makes it, full of zeros, for lines after `number`. @throws what kept it from being made; then it is not there */
  constructor(path: string, options: { bytes: number; number: number; sync: (file: number) => Promise<void> }) {
    this.#file = openOrMake(path, options.bytes);
    this.#bytes = options.bytes;
    this.#sync = options.sync;
    this.#written = { offset: 0, number: options.number };
    this.#durable = this.#written;
  }

  get lastNumber(): number {
    return this.#written.number;
  }

  /** Begins anew, with lines that come after `number`. */
  async rewind(number: number): Promise<void> {
    await this.#quiet();
    this.#written = { offset: 0, number };
    this.#durable = this.#written;
  }

  /**
   * Written when this returns, durable when it resolves; undefined, and nothing is written, where there is no room for
   * it. After a failure it is as if it had never been written.
   */
  append(json: string): Promise<void> | undefined {
    const { offset, number } = this.#written;
    const line = toLine(number + 1, json);
    if (offset + line.length > this.#bytes) return undefined;
    writeWhole(this.#file, line, offset);
    this.#written = { offset: offset + line.length, number: number + 1 };
    return this.#synced();
  }

  async close(): Promise<void> {
    await this.#quiet();
    closeSync(this.#file);
  }

  async #quiet(): Promise<void> {
    await Promise.allSettled([this.#running, this.#next]);
  }

  /** A sync that begins after what has been written until now. */
  #synced(): Promise<void> {
    if (this.#next) return this.#next;
    if (!this.#running) return this.#syncNow();
    this.#next = this.#running.then(() => this.#syncNow());
    return this.#next;
  }

  #syncNow(): Promise<void> {
    const reached = this.#written;
    this.#next = undefined;
    this.#running = this.#sync(this.#file).then(
      () => {
        this.#running = undefined;
        this.#durable = reached;
      },
      error => {
        this.#running = undefined;
        this.#takeBack();
        throw error;
      },
    );
    return this.#running;
  }

  /** What was refused must not be read one day, and a gap would hide what is written behind it. Who waits fails, too. */
  #takeBack(): void {
    const { offset } = this.#durable;
    const zeros = Buffer.alloc(this.#written.offset - offset);
    this.#next = undefined;
    this.#written = this.#durable;
    writeWhole(this.#file, zeros, offset);
  }
}

function openOrMake(path: string, bytes: number): number {
  if (statSync(path, { throwIfNoEntry: false })?.size === bytes) return openSync(path, 'r+');
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeWhole(file, Buffer.alloc(bytes), 0);
    fsyncSync(file);
    renameSync(draft, path);
    syncFolderSync(dirname(path));
    return file;
  } catch (error) {
    closeSync(file);
    rmSync(draft, { force: true });
    throw error;
  }
}

function writeWhole(file: number, bytes: Buffer, offset: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, offset + done);
}
