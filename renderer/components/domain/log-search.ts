import type { LogLine, LogLines } from '../../model/index.ts';

/** Milliseconds of searching at a time: scrolling goes on meanwhile. */
const sliceMs = 6;

/** So many matches that are gone are kept, before the list is made anew. */
const mostGone = 10_000;

/**
 * Finds the lines that match, a slice at a time, those that come later as well. Numbers count from the log's first line.
 * What it has found are lines as well: a log of nothing but matches.
 */
export class LogSearch implements LogLines {
  readonly #buffer: LogLines;
  readonly #matches: (line: LogLine) => boolean;
  #found: number[] = [];
  #next: number;
  /** How many of `#found` are no lines any more, and how many were before them. */
  #gone = 0;
  #cut = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  onProgress: () => void = () => undefined;

  constructor(buffer: LogLines, matches: (line: LogLine) => boolean) {
    this.#buffer = buffer;
    this.#matches = matches;
    this.#next = buffer.dropped;
  }

  get length(): number {
    this.#forget();
    return this.#found.length - this.#gone;
  }

  get dropped(): number {
    return this.#cut + this.#gone;
  }

  line(index: number): LogLine {
    return this.#buffer.line(this.lineOf(index));
  }

  /** Index of the line of a match, counted from 0; −1 when it is gone. */
  lineOf(match: number): number {
    return Math.max(-1, (this.#found[match + this.#gone] ?? -1) - this.#buffer.dropped);
  }

  /** Matches whose lines have been dropped are none any more. */
  #forget(): void {
    while ((this.#found[this.#gone] ?? Number.POSITIVE_INFINITY) < this.#buffer.dropped) this.#gone++;
    if (this.#gone < mostGone) return;
    this.#found = this.#found.slice(this.#gone);
    this.#cut += this.#gone;
    this.#gone = 0;
  }

  /** Goes on until everything has been searched. */
  run(): void {
    if (this.#timer !== undefined) return;
    const end = performance.now() + sliceMs;
    this.#next = Math.max(this.#next, this.#buffer.dropped);
    for (; this.#next < this.#buffer.dropped + this.#buffer.length; this.#next++) {
      if (performance.now() > end) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.run();
        });
        break;
      }
      if (this.#matches(this.#buffer.line(this.#next - this.#buffer.dropped))) this.#found.push(this.#next);
    }
    this.onProgress();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
