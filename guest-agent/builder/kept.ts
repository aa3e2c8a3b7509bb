import { statfsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import type { ChainId } from '../../contracts/oci/digest.ts';
import type { Images } from '../images/index.ts';
import type { CacheRecord, StepCache } from './cache.ts';
import type { CacheMounts } from './cache-mounts.ts';
import { type CollectionPolicy, collectionPolicies } from './collection.ts';
import { choosePruned, type PruneRequest, toUsageFilters } from './prune.ts';
import { idOfKey, type Usage } from './usage.ts';

const blockBytes = 512;

export interface KeptRooms {
  root: string;
  images: Images;
  steps: StepCache;
  mounts: CacheMounts;
  /** daemon.json's `builder`, asked each time. */
  settings(): Readonly<Record<string, unknown>> | undefined;
  log: Log;
}

/** What builds leave behind, as a whole: listed, pruned, and kept within bounds. */
export class Kept {
  readonly #rooms: KeptRooms;
  /** While somebody builds nothing goes: what he has found may not be taken from him. */
  #builders = 0;
  #pruning: Promise<unknown> = Promise.resolve();

  constructor(rooms: KeptRooms) {
    this.#rooms = rooms;
  }

  /** Runs a build; after the last one what is too much goes, when nobody waits for it. */
  async during<T>(build: () => Promise<T>): Promise<T> {
    await this.#pruning;
    this.#builders++;
    try {
      return await build();
    } finally {
      this.#builders--;
      if (this.#builders === 0) setTimeout(() => void this.#collect(), 0).unref();
    }
  }

  async list(): Promise<Usage[]> {
    const { steps, mounts, images } = this.#rooms;
    const inImages = new Set(images.list().flatMap(({ chainIds }) => chainIds));
    const usages = steps.list().map(record => this.#ofStep(record, inImages));
    for (const { name, id, createdAt, lastUsedAt, usageCount, path, inUse } of mounts.list()) {
      usages.push({
        id: idOfKey(name),
        key: name,
        type: 'exec.cachemount',
        description: `cached mount ${id}`,
        size: await sizeOf(path),
        createdAt: new Date(createdAt),
        lastUsedAt: new Date(lastUsedAt),
        usageCount,
        shared: false,
        inUse,
      });
    }
    return usages;
  }

  #ofStep(record: CacheRecord, inImages: ReadonlySet<ChainId>): Usage {
    const top = this.#rooms.images.find(record.imageId)?.topChainId;
    return {
      id: idOfKey(record.key),
      key: record.key,
      type: 'regular',
      description: record.description,
      size: record.size,
      createdAt: new Date(record.createdAt),
      lastUsedAt: new Date(record.lastUsedAt),
      usageCount: record.usageCount,
      shared: top !== undefined && inImages.has(top),
      inUse: false,
    };
  }

  /** Resolves with what went, and how many bytes came back; `sweeps`: also what no record names, when nothing is chosen. */
  async prune(request: PruneRequest, { sweeps = true } = {}): Promise<{ usages: Usage[]; bytes: number }> {
    if (this.#builders > 0) return { usages: [], bytes: 0 };
    const work = this.#pruning.then(() => this.#pruneNow(request, sweeps));
    this.#pruning = work.catch(() => undefined);
    return work;
  }

  async #pruneNow(request: PruneRequest, sweeps: boolean): Promise<{ usages: Usage[]; bytes: number }> {
    const { steps, mounts, root } = this.#rooms;
    const { bavail, bsize } = statfsSync(root);
    const chosen = choosePruned(await this.list(), request, { now: new Date(), freeBytes: bavail * bsize });
    if (chosen.length === 0 && !sweeps) return { usages: [], bytes: 0 };
    const folders = chosen.filter(({ type }) => type === 'exec.cachemount');
    for (const { key } of folders) mounts.drop(key);
    const keys = new Set(chosen.filter(({ type }) => type === 'regular').map(({ key }) => key));
    const freed = await steps.drop(steps.list().filter(({ key }) => keys.has(key)));
    return { usages: chosen, bytes: folders.reduce((sum, { size }) => sum + size, freed) };
  }

  /** What goes by itself after builds, step by step. */
  policies(): CollectionPolicy[] {
    const { settings, root } = this.#rooms;
    const { blocks, bsize } = statfsSync(root);
    return collectionPolicies(settings(), blocks * bsize);
  }

  async #collect(): Promise<void> {
    const { log } = this.#rooms;
    try {
      for (const policy of this.policies()) {
        const request = { ...policy, filters: toUsageFilters(policy.filters) };
        const { usages, bytes } = await this.prune(request, { sweeps: false });
        if (usages.length > 0) log.info('The build cache was too large', { removed: usages.length, bytes });
      }
    } catch (error) {
      log.warn('The build cache was not looked through', { error });
    }
  }
}

/** Bytes on the disk of all below. */
async function sizeOf(path: string): Promise<number> {
  let total = 0;
  const pending = [path];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const place = join(folder, entry.name);
      const stat = await lstat(place).catch(() => undefined);
      total += (stat?.blocks ?? 0) * blockBytes;
      if (entry.isDirectory()) pending.push(place);
    }
  }
  return total;
}
