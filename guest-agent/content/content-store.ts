import { createReadStream, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { notFound } from '../../contracts/errors.ts';
import { type Digest, hexOf, isDigest } from '../../contracts/oci/digest.ts';
import {
  DigestMismatchError,
  HashedFile,
  type Ingest,
  type IngestedBlob,
  ingested,
  type Spool,
  spooled,
} from './ingest.ts';
import { type Lease, Leases } from './leases.ts';

/** See the door of this room. */
export interface ContentStore {
  pathOf(digest: Digest): string;
  has(digest: Digest): boolean;
  /** Bytes. @throws not-found. */
  sizeOf(digest: Digest): number;
  /** The whole blob; for documents. @throws not-found. */
  read(digest: Digest): Promise<Buffer>;
  readSync(digest: Digest): Buffer;
  stream(digest: Digest): Readable;
  /** Stores a document durably. */
  put(bytes: Buffer): Promise<Digest>;
  /** Continues or begins the download of `digest`. One at a time for a digest: the caller sees to it. */
  ingest(digest: Digest): Promise<Ingest>;
  /** Writes a blob whose digest will be known at its end. */
  spool(): Promise<Spool>;
  lease(): Lease;
  /** Removes every blob that is neither in `named` nor leased, and downloads that were left alone for a week. Returns what was freed. */
  sweep(named: ReadonlySet<Digest>): Promise<{ digests: Digest[]; bytes: number }>;
}

const partialSuffix = '.partial';
const partialLifeMs = 7 * 24 * 3600 * 1000;

/** Opens (or makes) the store below `root`. Nobody else may write there. */
export function openContentStore(root: string): ContentStore {
  const blobs = join(root, 'blobs', 'sha256');
  const ingests = join(root, 'ingest');
  for (const folder of [blobs, ingests]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(ingests)) if (!name.endsWith(partialSuffix)) rmSync(join(ingests, name));
  return new FolderContentStore(blobs, ingests);
}

class FolderContentStore implements ContentStore {
  readonly #blobs: string;
  readonly #ingests: string;
  readonly #leases = new Leases();
  #spools = 0;

  constructor(blobs: string, ingests: string) {
    this.#blobs = blobs;
    this.#ingests = ingests;
  }

  pathOf(digest: Digest): string {
    return join(this.#blobs, hexOf(digest));
  }

  has(digest: Digest): boolean {
    return statSync(this.pathOf(digest), { throwIfNoEntry: false }) !== undefined;
  }

  sizeOf(digest: Digest): number {
    return statSync(this.pathOf(digest), { throwIfNoEntry: false })?.size ?? missing(digest);
  }

  async read(digest: Digest): Promise<Buffer> {
    return readFile(this.pathOf(digest)).catch(error => missing(digest, error));
  }

  readSync(digest: Digest): Buffer {
    try {
      return readFileSync(this.pathOf(digest));
    } catch (error) {
      return missing(digest, error);
    }
  }

  stream(digest: Digest): Readable {
    return createReadStream(this.pathOf(digest), { highWaterMark: 1 << 20 });
  }

  async put(bytes: Buffer): Promise<Digest> {
    const spool = await this.spool();
    try {
      await spool.write(bytes);
      const blob = await spool.finish();
      await commitUnlessThere(this, blob);
      return blob.digest;
    } catch (error) {
      await spool.discard();
      throw error;
    }
  }

  async ingest(digest: Digest): Promise<Ingest> {
    const file = await HashedFile.open(join(this.#ingests, hexOf(digest) + partialSuffix));
    const target = this.pathOf(digest);
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

  async spool(): Promise<Spool> {
    const file = await HashedFile.open(join(this.#ingests, `spool-${++this.#spools}`));
    return {
      write: chunk => file.write(chunk),
      discard: () => file.drop(),
      finish: async () => {
        const digest = await file.finish();
        return spooled(file, digest, this.pathOf(digest));
      },
    };
  }

  lease(): Lease {
    return this.#leases.take();
  }

  async sweep(named: ReadonlySet<Digest>): Promise<{ digests: Digest[]; bytes: number }> {
    const digests: Digest[] = [];
    let bytes = 0;
    for (const name of await readdir(this.#blobs)) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest) || named.has(digest) || this.#leases.protects(digest)) continue;
      bytes += (await stat(this.pathOf(digest)).catch(() => undefined))?.size ?? 0;
      if (this.#leases.protects(digest)) continue; // taken while we looked
      rmSync(this.pathOf(digest), { force: true });
      digests.push(digest);
    }
    await this.#dropOldPartials();
    return { digests, bytes };
  }

  async #dropOldPartials(): Promise<void> {
    for (const name of await readdir(this.#ingests)) {
      const path = join(this.#ingests, name);
      const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
      if (name.endsWith(partialSuffix) && age > partialLifeMs) await rm(path, { force: true });
    }
  }
}

/** Makes a blob durable and closes it; one that is there already is not written again. */
async function commitUnlessThere(store: ContentStore, blob: IngestedBlob): Promise<void> {
  try {
    if (!store.has(blob.digest)) await blob.commit();
  } finally {
    await blob.close();
  }
}

function missing(digest: Digest, cause?: unknown): never {
  throw notFound(`content ${digest} not found`, { cause });
}
