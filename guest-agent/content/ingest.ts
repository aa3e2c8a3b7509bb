import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { bytesPassed } from '../../base/passing-bytes.ts';
import { syncFolder } from '../../base/sync.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import { Growth } from './growth.ts';

/** The bytes are not those that the digest names. */
export class DigestMismatchError extends Error {
  override readonly name = 'DigestMismatchError';
  readonly expected: Digest;

  constructor(expected: Digest, actual: Digest) {
    super(`expected ${expected}, got ${actual}`);
    this.expected = expected;
  }
}

/** A blob whose bytes are complete and verified; durable once `commit` has resolved. */
export interface IngestedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** Where the bytes can be read now, before, while and after `commit` runs; until `close`. */
  readonly readPath: string;
  /** fsync, rename to the final name, fsync of the folder. */
  commit(): Promise<void>;
  /** Closes the file; without a commit before, the bytes are dropped. */
  close(): Promise<void>;
}

/** A blob that was downloaded. */
export interface DownloadedBlob extends IngestedBlob {
  /** Closes the file; without a commit before, the bytes stay for the next time. */
  leave(): Promise<void>;
}

/** The writing of one blob of known digest; what was written before counts. */
export interface Ingest {
  /** Bytes that are there already. */
  readonly offset: number;
  /** Where the bytes that are there can be read, until the blob is closed or the ingest suspended. */
  readonly readPath: string;
  /** How many of them, ever growing; ends when all are there and verified, throws when that will not be. */
  growth(): AsyncIterable<number>;
  write(chunk: Buffer): Promise<void>;
  /** @throws DigestMismatchError, or what the disk says; the bytes are dropped then. */
  finish(): Promise<DownloadedBlob>;
  /** Stops; the bytes stay for the next time. */
  suspend(): Promise<void>;
  /** Stops; the bytes go. */
  discard(): Promise<void>;
}

/** The writing of one blob whose digest is known only at its end. */
export interface Spool {
  /** Where the bytes that are there can be read, until the blob is closed or the spool discarded. */
  readonly readPath: string;
  /** How many of them, ever growing; ends when all are there, throws when that will not be. */
  growth(): AsyncIterable<number>;
  /** The bytes from the first on, as they come; begin before the blob is closed. */
  follow(): Readable;
  write(chunk: Buffer): Promise<void>;
  finish(): Promise<IngestedBlob>;
  discard(): Promise<void>;
}

/** One write a MiB: chunks of a socket are small, and each write is a trip to another thread. */
const batchBytes = 1 << 20;

/** A file that is appended to and hashed. Writes go on in the background; `write` waits only for the batch before. */
export class HashedFile {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  #batch: Buffer[] = [];
  #batched = 0;
  #flushing: Promise<void> = Promise.resolve();
  readonly growth = new Growth();
  readonly #closed: () => void;
  size = 0;

  private constructor(path: string, file: FileHandle, closed: () => void) {
    this.path = path;
    this.#file = file;
    this.#closed = closed;
  }

  /** Opens or creates `path`, and hashes what it holds. Calls `closed` once it is left alone. */
  static async open(path: string, closed: () => void = () => undefined): Promise<HashedFile> {
    const hashed = new HashedFile(path, await open(path, 'a+', 0o600), closed);
    try {
      await hashed.#hashWhatIsThere();
      return hashed;
    } catch (error) {
      await hashed.close();
      throw error;
    }
  }

  async #hashWhatIsThere(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size === 0) return;
    for await (const chunk of createReadStream(this.path, { highWaterMark: batchBytes })) this.#hash.update(chunk);
    this.size = size;
    this.growth.advance(size);
  }

  get readPath(): string {
    return process.platform === 'linux' ? `/proc/self/fd/${this.#file.fd}` : this.path;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk);
    this.#batch.push(chunk);
    this.#batched += chunk.length;
    this.size += chunk.length;
    if (this.#batched >= batchBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    await this.#flushing;
    const batch = this.#batch;
    this.#batch = [];
    this.#batched = 0;
    if (batch.length === 0) return;
    const size = this.size;
    this.#flushing = writeAll(this.#file, batch).then(() => this.growth.advance(size));
    bytesPassed(batch.reduce((sum, { length }) => sum + length, 0));
    this.#flushing.catch(() => undefined); // seen by the next write
  }

  /** Hands everything to the kernel. Returns the digest of the whole file. */
  async finish(): Promise<Digest> {
    await this.flushed();
    return `sha256:${this.#hash.copy().digest('hex')}` as Digest;
  }

  async flushed(): Promise<void> {
    await this.#flush();
    await this.#flushing;
  }

  async moveTo(target: string): Promise<void> {
    await this.#file.sync();
    await rename(this.path, target);
    await syncFolder(dirname(target));
  }

  async close(): Promise<void> {
    await this.#file.close();
    this.#closed();
  }

  async drop(): Promise<void> {
    await this.#flushing.catch(() => undefined);
    await this.close();
    await rm(this.path, { force: true });
  }
}

/** writev(2) may write less than it was given. */
async function writeAll(file: FileHandle, buffers: Buffer[]): Promise<void> {
  const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  const { bytesWritten } = await file.writev(buffers);
  if (bytesWritten < total) await file.appendFile(Buffer.concat(buffers).subarray(bytesWritten));
}

/** The download of `digest` in `file`, which will be `target`. */
export function ingestInto(file: HashedFile, digest: Digest, target: string): Ingest {
  return {
    get offset() {
      return file.size;
    },
    readPath: file.readPath,
    growth: () => file.growth.follow(),
    write: chunk => file.write(chunk),
    async suspend() {
      file.growth.end(new Error('the download was suspended'));
      await file.flushed().finally(() => file.close());
    },
    async discard() {
      file.growth.end(new Error('the download was given up'));
      await file.drop();
    },
    async finish() {
      const actual = await file.finish().catch(async error => {
        file.growth.end(error);
        await file.drop();
        throw error;
      });
      const mismatch = actual === digest ? undefined : new DigestMismatchError(digest, actual);
      file.growth.end(mismatch);
      if (!mismatch) return ingested(file, digest, target);
      await file.drop();
      throw mismatch;
    },
  };
}

/** The verified blob in `file`, which becomes `target`. */
function ingested(file: HashedFile, digest: Digest, target: string): DownloadedBlob {
  let committed = false;
  return {
    digest,
    size: file.size,
    readPath: file.readPath,
    async commit() {
      await file.moveTo(target);
      committed = true;
    },
    close: () => (committed ? file.close() : file.drop()),
    leave: () => file.close(),
  };
}

/** The bytes of the file at `path`, which somebody is writing. */
export function following(path: string, growth: AsyncIterable<number>): Readable {
  const read = async function* (): AsyncGenerator<Buffer> {
    const file = await open(path, 'r');
    try {
      let position = 0;
      for await (const there of growth) {
        while (position < there) {
          const piece = Buffer.allocUnsafeSlow(Math.min(batchBytes, there - position));
          const { bytesRead } = await file.read(piece, 0, piece.length, position);
          if (bytesRead === 0) return;
          position += bytesRead;
          yield piece.subarray(0, bytesRead);
        }
      }
    } finally {
      await file.close();
    }
  };
  return Readable.from(read(), { objectMode: false, highWaterMark: batchBytes });
}

/** The blob in `file`, which is closed now: an archive may have more files than a process may have open. */
export async function spooled(file: HashedFile, digest: Digest, target: string): Promise<IngestedBlob> {
  await file.close();
  let path = file.path;
  return {
    digest,
    size: file.size,
    get readPath() {
      return path;
    },
    async commit() {
      await syncFile(path);
      await rename(path, target);
      await syncFolder(dirname(target));
      path = target;
    },
    async close() {
      if (path !== target) await rm(path, { force: true });
    },
  };
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
