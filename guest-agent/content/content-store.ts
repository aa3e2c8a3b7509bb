import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { notFound } from '../../contracts/errors.ts';
import { type Digest, hexOf, isDigest } from '../../contracts/oci/digest.ts';
import { following, HashedFile, type Ingest, type IngestedBlob, ingestInto, type Spool, spooled } from './ingest.ts';
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
  /** Its bytes from `start` to before `end`. */
  stream(digest: Digest, start?: number, end?: number): Readable;
  /** Stores a document durably. */
  put(bytes: Buffer): Promise<Digest>;
  /** Continues or begins the download of `digest`. One at a time for a digest: the caller sees to it. */
  ingest(digest: Digest): Promise<Ingest>;
  /** Writes a blob whose digest will be known at its end. */
  spool(): Promise<Spool>;
  lease(): Lease;
  /** Reads every blob, and removes those whose bytes are not what their names say, and what is no blob. Returns their names. */
  removeDamaged(): Promise<string[]>;
  /** Removes every blob that is neither named, asked at that moment, nor leased. Returns what was freed. */
  sweep(isNamed: (digest: Digest) => boolean): Promise<{ digests: Digest[]; bytes: number }>;
  /** Removes downloads that nobody goes on with: those that stood still for a day, or all of them. Returns the bytes freed. */
  dropPartials(which: 'old' | 'all'): Promise<number>;
}

const partialSuffix = '.partial';
/** As long as containerd keeps one. */
const partialLifeMs = 24 * 3600 * 1000;

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
  /** Names of the downloads that are being written. */
  readonly #growing = new Set<string>();
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

  stream(digest: Digest, start = 0, end = Number.POSITIVE_INFINITY): Readable {
    return createReadStream(this.pathOf(digest), { highWaterMark: 1 << 20, start, end: end - 1 });
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
    const name = hexOf(digest) + partialSuffix;
    this.#growing.add(name);
    const release = (): boolean => this.#growing.delete(name);
    try {
      await this.dropPartials('old');
      const file = await HashedFile.open(join(this.#ingests, name), release);
      return ingestInto(file, digest, this.pathOf(digest));
    } catch (error) {
      release();
      throw error;
    }
  }

  async spool(): Promise<Spool> {
    const file = await HashedFile.open(join(this.#ingests, `spool-${++this.#spools}`));
    return {
      readPath: file.path,
      growth: () => file.growth.follow(),
      follow: () => following(file.path, file.growth.follow()),
      write: chunk => file.write(chunk),
      discard: () => {
        file.growth.end(new Error('the archive was given up'));
        return file.drop();
      },
      finish: async () => {
        const digest = await file.finish();
        file.growth.end();
        return spooled(file, digest, this.pathOf(digest));
      },
    };
  }

  lease(): Lease {
    return this.#leases.take();
  }

  async removeDamaged(): Promise<string[]> {
    const damaged: string[] = [];
    for (const name of await readdir(this.#blobs)) {
      const hash = createHash('sha256');
      const path = join(this.#blobs, name);
      await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash).catch(() => undefined);
      if (hash.digest('hex') === name) continue;
      rmSync(path, { force: true, recursive: true });
      damaged.push(`sha256:${name}`);
    }
    return damaged;
  }

  async sweep(isNamed: (digest: Digest) => boolean): Promise<{ digests: Digest[]; bytes: number }> {
    const digests: Digest[] = [];
    let bytes = 0;
    for (const name of await readdir(this.#blobs)) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest) || isNamed(digest) || this.#leases.protects(digest)) continue;
      bytes += (await stat(this.pathOf(digest)).catch(() => undefined))?.size ?? 0;
      if (isNamed(digest) || this.#leases.protects(digest)) continue; // taken while we looked
      rmSync(this.pathOf(digest), { force: true });
      digests.push(digest);
    }
    return { digests, bytes };
  }

  async dropPartials(which: 'old' | 'all'): Promise<number> {
    let bytes = 0;
    for (const name of await readdir(this.#ingests)) {
      const path = join(this.#ingests, name);
      const status = name.endsWith(partialSuffix) ? await stat(path).catch(() => undefined) : undefined;
      if (!status || this.#growing.has(name)) continue;
      if (which === 'old' && Date.now() - status.mtimeMs < partialLifeMs) continue;
      rmSync(path, { force: true });
      bytes += status.size;
    }
    return bytes;
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
