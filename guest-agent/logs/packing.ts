import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

/** `x-json.log`, `x-json.log.1` … the older the higher. */
export const rotatedPath = (path: string, number: number): string => (number === 0 ? path : `${path}.${number}`);
export const packedPath = (path: string, number: number): string => `${rotatedPath(path, number)}.gz`;

/** Packs files of one log that have been put aside, one after the other; they may be put further aside meanwhile. */
export class Packing {
  readonly #path: string;
  readonly #maxFiles: number;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, maxFiles: number) {
    this.#path = path;
    this.#maxFiles = maxFiles;
  }

  /** The file that is the youngest of those put aside. A failure leaves it as it is: it can be read all the same. */
  add(): void {
    const fd = openSync(rotatedPath(this.#path, 1), 'r');
    this.#last = this.#last.then(() => this.#pack(fd)).catch(() => rmSync(this.#draft, { force: true }));
  }

  get #draft(): string {
    return `${this.#path}.packing`;
  }

  async #pack(fd: number): Promise<void> {
    const { ino, atimeMs, mtimeMs } = fstatSync(fd);
    if (!this.#placeOf(ino)) return closeSync(fd);
    await pipeline(createReadStream('', { fd }), createGzip(), createWriteStream(this.#draft, { mode: 0o640 }));
    utimesSync(this.#draft, atimeMs / 1000, mtimeMs / 1000); // by which a reader knows it again
    const number = this.#placeOf(ino);
    if (!number) return rmSync(this.#draft, { force: true });
    renameSync(this.#draft, packedPath(this.#path, number));
    rmSync(rotatedPath(this.#path, number));
  }

  #placeOf(inode: number): number | undefined {
    for (let number = 1; number < this.#maxFiles; number++) {
      if (statSync(rotatedPath(this.#path, number), { throwIfNoEntry: false })?.ino === inode) return number;
    }
    return undefined;
  }
}

/** The content of a packed file, in one that is gone from its folder already. Takes the descriptor. */
export async function unpacked(fd: number, path: string): Promise<number> {
  const draft = join(dirname(path), `.reading-${process.pid}-${fd}`);
  const target = openSync(draft, 'wx+', 0o600);
  rmSync(draft);
  try {
    await pipeline(
      createReadStream('', { fd }),
      createGunzip(),
      createWriteStream('', { fd: target, autoClose: false }),
    );
    return target;
  } catch (error) {
    closeSync(target);
    throw error;
  }
}

/** Times are kept in seconds with a fraction, which is exact to less than a microsecond. */
const sameTimeMs = 0.002;

/** Whether a packed file is what has become of a plain one: the same time of its last line, and the same length. */
export function isPackedForm(packed: number, plain: number): boolean {
  const [one, other] = [fstatSync(packed), fstatSync(plain)];
  if (Math.abs(one.mtimeMs - other.mtimeMs) > sameTimeMs || one.size < 4) return false;
  const length = Buffer.alloc(4);
  readSync(packed, length, 0, 4, one.size - 4);
  return length.readUInt32LE() === other.size % 2 ** 32;
}
