/** Lines of a segment; whole segments are dropped when there are too many. */
const segmentLines = 1024;

interface Segment {
  bytes: Uint8Array;
  /** Where each line ends in `bytes`. */
  ends: Uint32Array;
  /** See {@link sourceOf}. */
  sources: Uint8Array;
  used: number;
  lines: number;
}

export interface LogLine {
  text: string;
  /** RFC 3339, where the engine put one before the line. */
  time: string;
  /** 1: standard output, 2: standard error. */
  stream: number;
  /** Which of several logs it is of. */
  log: number;
}

/** Lines that are drawn and searched. */
export interface LogLines {
  /** Lines that are there. Index 0 is the oldest of them. */
  readonly length: number;
  /** Lines that were there before index 0. */
  readonly dropped: number;
  /** @throws RangeError when there is none at `index` */
  line(index: number): LogLine;
}

/** Logs that can be shown together. */
export const mostLogs = 64;

/** What a line is told to come from: one of {@link mostLogs} logs, and of it a stream. */
export const sourceOf = (log: number, stream: number): number => (log % mostLogs) * 4 + (stream & 3);

const decoder = new TextDecoder();

/**
 * The newest lines of a log as bytes: a million lines cost what their text costs, and the garbage collector nothing. There are
 * fewer of them when they are long: a page that follows a log for days must not grow.
 */
export class LogBuffer implements LogLines {
  readonly #mostLines: number;
  readonly #mostBytes: number;
  #segments: Segment[] = [];
  #dropped = 0;
  #length = 0;
  /** Bytes of the segments that are full. */
  #held = 0;

  constructor(mostLines = 1_000_000, mostBytes = 96 << 20) {
    this.#mostLines = mostLines;
    this.#mostBytes = mostBytes;
  }

  get length(): number {
    return this.#length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line without its line feed; `source` as {@link sourceOf} makes it. */
  push(line: Uint8Array, source: number): void {
    const last = this.#segments.at(-1);
    const segment = last && last.lines < segmentLines ? last : this.#begin(last);
    if (segment.used + line.length > segment.bytes.length) grow(segment, segment.used + line.length);
    segment.bytes.set(line, segment.used);
    segment.used += line.length;
    segment.ends[segment.lines] = segment.used;
    segment.sources[segment.lines] = source;
    segment.lines++;
    this.#length++;
    if (this.#length > this.#mostLines) this.#dropOldest();
  }

  /** A new segment behind `full`, which gives back what it did not need. */
  #begin(full: Segment | undefined): Segment {
    if (full) {
      full.bytes = full.bytes.slice(0, full.used);
      this.#held += full.used;
    }
    while (this.#held > this.#mostBytes) this.#dropOldest();
    const segment = newSegment();
    this.#segments.push(segment);
    return segment;
  }

  #dropOldest(): void {
    const { lines = 0, used = 0 } = this.#segments.shift() ?? {};
    this.#dropped += lines;
    this.#length -= lines;
    this.#held -= used;
  }

  line(index: number): LogLine {
    const segment = this.#segments[Math.floor(index / segmentLines)];
    const at = index % segmentLines;
    if (!segment || at >= segment.lines || index < 0) throw new RangeError(`no line ${index}`);
    const start = at === 0 ? 0 : (segment.ends[at - 1] ?? 0);
    const whole = decoder.decode(segment.bytes.subarray(start, segment.ends[at]));
    return splitTime(whole, segment.sources[at] ?? 1);
  }

  clear(): void {
    this.#dropped += this.#length;
    this.#segments = [];
    this.#length = 0;
    this.#held = 0;
  }
}

const newSegment = (): Segment => ({
  bytes: new Uint8Array(64 * 1024),
  ends: new Uint32Array(segmentLines),
  sources: new Uint8Array(segmentLines),
  used: 0,
  lines: 0,
});

function grow(segment: Segment, least: number): void {
  const bytes = new Uint8Array(Math.max(least, segment.bytes.length * 2));
  bytes.set(segment.bytes.subarray(0, segment.used));
  segment.bytes = bytes;
}

const stamp = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

function splitTime(whole: string, source: number): LogLine {
  const found = stamp.exec(whole);
  const text = found ? whole.slice(found[0].length) : whole;
  return {
    text: text.endsWith('\r') ? text.slice(0, -1) : text,
    time: found?.[1] ?? '',
    stream: source & 3,
    log: source >> 2,
  };
}
