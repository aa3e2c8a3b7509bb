/** Docker's limit of one log entry; a longer line becomes several, of which only the last ends with `\n`. */
export const ENTRY_BYTES = 16 << 10;
const NEWLINE = 10;

let room = Buffer.alloc(0);

/** In memory that is used again and again: new memory for each block costs as much as all that is done with it. */
function together(start: Buffer, rest: Buffer): Buffer {
  if (start.length === 0) return rest;
  const length = start.length + rest.length;
  if (room.length < length) room = Buffer.allocUnsafeSlow(length);
  room.set(start);
  room.set(rest, start.length);
  return room.subarray(0, length);
}

/** A line (with its `\n`) or a part of one, and where in its stream it ends. */
export interface Entry {
  data: Buffer;
  end: number;
}

/**
 * Cuts a stream into entries. Where it cuts depends on the bytes alone, not on how they came: after a crash the same
 * bytes give the same entries again, and counting them tells which are logged already.
 */
export class EntrySplitter {
  #pending: Buffer = Buffer.alloc(0);
  /** Where in the stream the bytes begin that are not an entry yet. */
  #start: number;

  constructor(start: number) {
    this.#start = start;
  }

  push(chunk: Buffer): Entry[] {
    const data = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    const entries: Entry[] = [];
    let from = 0;
    for (let end = nextEnd(data, from); end !== -1; end = nextEnd(data, from)) {
      entries.push({ data: data.subarray(from, end), end: this.#start + end });
      from = end;
    }
    this.#start += from;
    this.#pending = data.subarray(from);
    return entries;
  }

  /**
   * The whole lines that there would be with `chunk`, all in one and good until the next call of any splitter, and where in
   * the stream they end; changes nothing.
   */
  wholeLines(chunk: Buffer): Entry | undefined {
    const length = chunk.lastIndexOf(NEWLINE) + 1;
    if (length === 0) return undefined;
    const data = together(this.#pending, chunk.subarray(0, length));
    return { data, end: this.#start + data.length };
  }

  /** Goes on after `lines`, which {@link wholeLines} gave for `chunk`. */
  skip(lines: Entry, chunk: Buffer): void {
    this.#pending = Buffer.from(chunk.subarray(lines.end - this.#start - this.#pending.length));
    this.#start = lines.end;
  }

  /** The stream is over: what is left is an entry, if anything is. */
  finish(): Entry[] {
    if (this.#pending.length === 0) return [];
    const entry = { data: this.#pending, end: this.#start + this.#pending.length };
    this.#start = entry.end;
    this.#pending = Buffer.alloc(0);
    return [entry];
  }
}

function nextEnd(data: Buffer, from: number): number {
  const newline = data.indexOf(NEWLINE, from);
  const length = (newline === -1 ? data.length : newline) - from;
  if (length > ENTRY_BYTES) return characterStart(data, from + ENTRY_BYTES);
  return newline === -1 ? -1 : newline + 1;
}

/** The nearest place at or before `at` where a UTF-8 character begins; `at` itself if there is none near. */
function characterStart(data: Buffer, at: number): number {
  for (let back = 0; back < 4; back++) if (((data[at - back] ?? 0) & 0xc0) !== 0x80) return at - back;
  return at;
}
