import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { bytesPassed } from '../../base/passing-bytes.ts';

const blockBytes = 1024 * 1024;
/** The first block: most builds send no more than a Dockerfile, and each large buffer costs collections. */
const firstBlockBytes = 16 * 1024;

/**
 * Contents of many files in one that has no name: what a client sends is never made into a tree of the client's own
 * names, and a crash leaves nothing.
 */
export class Spool {
  readonly #fd: number;
  #block = Buffer.alloc(0);
  #filled = 0;
  #flushed = 0;
  #users = 1;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `spool-${process.pid}-${Date.now()}-${Math.random().toString(36).slice(2)}`);
    this.#fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  /** Where the next byte will be. */
  get end(): number {
    return this.#flushed + this.#filled;
  }

  write(chunk: Uint8Array): void {
    bytesPassed(chunk.length);
    if (this.#filled + chunk.length > this.#block.length) this.#makeRoom();
    if (chunk.length > this.#block.length) {
      writeSync(this.#fd, chunk, 0, chunk.length, this.#flushed);
      this.#flushed += chunk.length;
      return;
    }
    this.#block.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  /** Pieces of at most a megabyte. */
  *read(offset: number, size: number): Generator<Buffer> {
    this.#flush();
    for (let at = offset; at < offset + size; ) {
      const piece = Buffer.allocUnsafe(Math.min(blockBytes, offset + size - at));
      const length = readSync(this.#fd, piece, 0, piece.length, at);
      if (length === 0) throw new Error('a file of the build is shorter than it was');
      at += length;
      bytesPassed(length);
      yield piece.subarray(0, length);
    }
  }

  /** One more user of these bytes. */
  share(): this {
    this.#users++;
    return this;
  }

  /** The last user's ends it. */
  close(): void {
    if (--this.#users === 0) closeSync(this.#fd);
  }

  #makeRoom(): void {
    this.#flush();
    const wanted = this.#block.length === 0 ? firstBlockBytes : blockBytes;
    if (this.#block.length < wanted) this.#block = Buffer.allocUnsafe(wanted);
  }

  #flush(): void {
    if (this.#filled === 0) return;
    writeSync(this.#fd, this.#block, 0, this.#filled, this.#flushed);
    this.#flushed += this.#filled;
    this.#filled = 0;
  }
}
