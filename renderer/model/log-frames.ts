const headerLength = 8;
/** A longer line is cut, in bytes: some programs draw a bar for hours and never end it. */
const longestLine = 64 * 1024;

/**
 * Cuts what the engine sends of a container's output into lines: frames of 8 bytes (source, length) and bytes, or, when the
 * container has a terminal, the bytes alone. Frames and lines may be torn anywhere.
 */
export class LogFrames {
  readonly #framed: boolean;
  readonly #take: (line: Uint8Array, source: number) => void;
  readonly #rest = new Map<number, Uint8Array>();
  #pending: Uint8Array = new Uint8Array(0);

  constructor(framed: boolean, take: (line: Uint8Array, source: number) => void) {
    this.#framed = framed;
    this.#take = take;
  }

  push(bytes: Uint8Array): void {
    if (this.#framed) this.#frames(bytes);
    else this.#lines(bytes, 1);
  }

  #frames(bytes: Uint8Array): void {
    const all = this.#pending.length > 0 ? concat(this.#pending, bytes) : bytes;
    let at = 0;
    while (all.length - at >= headerLength) {
      const length = new DataView(all.buffer, all.byteOffset + at + 4, 4).getUint32(0);
      if (all.length - at - headerLength < length) break;
      this.#lines(all.subarray(at + headerLength, at + headerLength + length), all[at] ?? 1);
      at += headerLength + length;
    }
    this.#pending = all.slice(at);
  }

  /** Gives out a last line that has no end. */
  finish(): void {
    for (const [source, rest] of this.#rest) if (rest.length > 0) this.#take(rest, source);
    this.#rest.clear();
  }

  #lines(bytes: Uint8Array, source: number): void {
    const before = this.#rest.get(source);
    const all = before && before.length > 0 ? concat(before, bytes) : bytes;
    let start = 0;
    for (let end = all.indexOf(10); end !== -1; end = all.indexOf(10, start)) {
      this.#take(all.subarray(start, end), source);
      start = end + 1;
    }
    for (; all.length - start > longestLine; start += longestLine)
      this.#take(all.subarray(start, start + longestLine), source);
    this.#rest.set(source, all.slice(start));
  }
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const whole = new Uint8Array(left.length + right.length);
  whole.set(left);
  whole.set(right, left.length);
  return whole;
}
