import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../base/json-file.ts';
import { SingleFlight } from '../../base/single-flight.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Image, Images } from '../images/index.ts';

/** A step's result that is kept: which image it made. */
export interface CacheRecord {
  version: 1;
  key: string;
  imageId: Digest;
  /** What the step was, for `docker builder du`. */
  description: string;
  /** Bytes of the step's own layer. */
  size: number;
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
}

export interface StepOutcome {
  image: Image;
  cached: boolean;
}

/** Where a step's result comes from when it is not here. */
export interface StepSources {
  make(): Promise<Image>;
  /** From somebody else's cache. */
  find(key: string): Promise<Image | undefined>;
  /** No cache is asked. */
  fresh: boolean;
}

/** A name for everything that a step's result depends on; the order of keys is the caller's. */
export const cacheKey = (parts: unknown): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** Results of steps, on the disk: one file a key, written when the layer it names is durable. */
export class StepCache {
  readonly #folder: string;
  readonly #images: Images;
  readonly #records = new Map<string, CacheRecord>();
  readonly #flights = new SingleFlight<string, StepOutcome>();

  private constructor(folder: string, images: Images) {
    this.#folder = folder;
    this.#images = images;
  }

  /** Reads what an earlier engine kept; images of steps that no record names are removed. */
  static async open(folder: string, images: Images): Promise<StepCache> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const cache = new StepCache(folder, images);
    const known = new Set(images.intermediates().map(({ id }) => id));
    for (const name of readdirSync(folder).filter(each => each.endsWith('.json') && !each.startsWith('.'))) {
      const record = readRecord(join(folder, name));
      if (record && known.has(record.imageId)) cache.#records.set(record.key, record);
      else rmSync(join(folder, name), { force: true });
    }
    const named = new Set([...cache.#records.values()].map(({ imageId }) => imageId));
    const orphans = [...known].filter(id => !named.has(id));
    if (orphans.length > 0) await images.dropIntermediates(orphans);
    return cache;
  }

  /** The kept result of `key`, or what `make` makes; builds that want the same at once share it. */
  async step(key: string, description: string, { make, find, fresh }: StepSources): Promise<StepOutcome> {
    const kept = fresh ? undefined : await this.find(key);
    if (kept) return { image: kept, cached: true };
    return this.#flights.run(key, async () => {
      const found = fresh ? undefined : await find(key);
      const image = found ?? (await make());
      await this.#keep(key, description, image);
      return { image, cached: found !== undefined };
    });
  }

  async find(key: string): Promise<Image | undefined> {
    const record = this.#records.get(key);
    if (!record) return undefined;
    const image = this.#images.find(record.imageId);
    if (!image) return undefined;
    const used = { ...record, lastUsedAt: new Date().toISOString(), usageCount: record.usageCount + 1 };
    this.#records.set(key, used);
    return image;
  }

  async #keep(key: string, description: string, image: Image): Promise<void> {
    const now = new Date().toISOString();
    const size = image.topChainId ? this.#images.layerSize(image.topChainId) : 0;
    const record: CacheRecord = {
      version: 1,
      key,
      imageId: image.id,
      description,
      size,
      createdAt: now,
      lastUsedAt: now,
      usageCount: 1,
    };
    await writeJsonFile(join(this.#folder, `${key}.json`), record);
    this.#records.set(key, record);
  }

  list(): CacheRecord[] {
    return [...this.#records.values()];
  }

  /**
   * Forgets results; their layers go unless an image has them, and so does what else builds left. Only while nobody
   * builds. Returns what came back, in bytes.
   */
  async drop(records: readonly CacheRecord[]): Promise<number> {
    for (const { key } of records) {
      this.#records.delete(key);
      rmSync(join(this.#folder, `${key}.json`), { force: true });
    }
    const named = new Set([...this.#records.values()].map(({ imageId }) => imageId));
    const gone = this.#images.intermediates().flatMap(({ id }) => (named.has(id) ? [] : [id]));
    const before = this.#images.diskUsage().layersBytes;
    await this.#images.dropIntermediates(gone);
    return Math.max(0, before - this.#images.diskUsage().layersBytes);
  }
}

function readRecord(path: string): CacheRecord | undefined {
  try {
    const record = readJsonFile(path) as CacheRecord | undefined;
    return record?.version === 1 ? record : undefined;
  } catch {
    return undefined; // torn by a crash: the step runs again
  }
}
