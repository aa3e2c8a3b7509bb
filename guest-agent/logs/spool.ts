import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { punchHole } from '../syscalls/splice.ts';

const READ_BYTES = 64 << 10;
const PUNCH_BYTES = 1 << 20;
const BLOCK_BYTES = 4096;

/** Of all spools: new memory for each piece costs more than reading it. */
let room: Buffer | undefined;

/**
 * What a stream has said and nobody has logged yet: a file to which the pump appends. Its length is the truth about
 * what has left the pipe. Blocks that are done with are given back, so that it stays small though it seems to grow.
 */
export class Spool {
  readonly path: string;
  #fd = -1;
  #punched = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Its length, 0 if there is none. */
  size(): number {
    return this.#open() ? fstatSync(this.#fd).size : 0;
  }

  /** Some bytes from `from` on, at most up to `to`; good until the next call of any spool. */
  read(from: number, to: number): Buffer {
    if (!this.#open()) return Buffer.alloc(0);
    room ??= Buffer.allocUnsafeSlow(READ_BYTES);
    return room.subarray(0, readSync(this.#fd, room, 0, Math.min(to - from, READ_BYTES), from));
  }

  /** True when enough lies before `offset` to be worth {@link discard}. */
  worthDiscarding(offset: number): boolean {
    return offset - this.#punched >= PUNCH_BYTES;
  }

  /** Nobody will ask for bytes before `offset` again. */
  discard(offset: number): void {
    const end = offset - (offset % BLOCK_BYTES);
    if (!this.#open() || end <= this.#punched) return;
    punchHole(this.#fd, this.#punched, end - this.#punched);
    this.#punched = end;
  }

  close(): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** One that has never been opened is not there: whoever has anything to remove has read it. */
  remove(): void {
    if (this.#fd !== -1) rmSync(this.path, { force: true });
    this.close();
  }

  #open(): boolean {
    if (this.#fd === -1 && existsSync(this.path)) this.#fd = openSync(this.path, 'r+');
    return this.#fd !== -1;
  }
}
