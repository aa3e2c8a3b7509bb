import { type LogBuffer, plainText } from '../../model/index.ts';

/** Milliseconds of searching at a time: scrolling goes on meanwhile. */
const sliceMs = 6;

/** Finds the lines that match, a slice at a time, those that come later as well. Numbers count from the log's first line. */
export class LogSearch {
  readonly #buffer: LogBuffer;
  readonly #pattern: RegExp;
  readonly #found: number[] = [];
  #next: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  onProgress: () => void = () => undefined;

  constructor(buffer: LogBuffer, pattern: RegExp) {
    this.#buffer = buffer;
    // not global: such a pattern would remember where it was
    this.#pattern = new RegExp(pattern.source, pattern.flags.replace('g', ''));
    this.#next = buffer.dropped;
  }

  get count(): number {
    return this.#found.length;
  }

  /** Index of the line of a match, counted from 0; −1 when it is gone. */
  lineOf(match: number): number {
    return Math.max(-1, (this.#found[match] ?? -1) - this.#buffer.dropped);
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
      if (this.#pattern.test(plainText(this.#buffer.line(this.#next - this.#buffer.dropped).text)))
        this.#found.push(this.#next);
    }
    this.onProgress();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
