import type { AuthConfig } from '../../contracts/docker/common.ts';
import { cancelled, internal, invalidArgument } from '../../contracts/errors.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { ChainId, DiffId, Digest } from '../../contracts/oci/digest.ts';
import type { ImageConfig, ImageManifest, Platform } from '../../contracts/oci/image-spec.ts';
import { familiar, isTag, type Reference, repositoryOf, toText } from '../../contracts/oci/reference.ts';
import type { Lease } from '../content/index.ts';
import type { Registry, Repository } from '../registry/index.ts';
import { chainIdsOf, digestOf } from './chain-ids.ts';
import { type BlobOrigin, defaultAttempts, defaultRetryDelayMs } from './download.ts';
import { type FoundImage, findImage } from './find-image.ts';
import type { Holds } from './holds.ts';
import type { ImageRecord, LayerBlob } from './image.ts';
import type { ImageIndex } from './image-index.ts';
import { LayerArchives } from './layer-archives.ts';
import { LayerTransfers, type TransferRooms } from './layer-transfers.ts';
import { parseManifest } from './manifests.ts';
import { addPlatforms, type PlatformsRecord } from './platforms-record.ts';
import { layerMessage, type Progress, shortId, throttled } from './progress.ts';
import { pullError } from './pull-errors.ts';

export interface PullOptions {
  /** Absent: the engine's own. */
  platform?: Platform;
  auth?: Partial<AuthConfig>;
  progress: Progress;
  signal: AbortSignal;
}

/** Layers that are elsewhere, without a name. */
export interface ObtainRequest {
  /** Lowest first. */
  layers: readonly { descriptor: Descriptor; diffId: DiffId }[];
  from: BlobOrigin;
  config: Omit<ImageConfig, 'rootfs'>;
  signal: AbortSignal;
}

export interface PullRooms extends TransferRooms {
  registry: Registry;
  index: ImageIndex;
  /** Layers that no record names yet. */
  layerHolds: Holds<ChainId>;
  platform: Platform;
}

/** What the layers of a pull need of it. */
type LayerPull = Pick<Pull, 'progress' | 'signal' | 'lease'> & { repository: BlobOrigin };

/** Which layers: their archives as they are packed, and as they are not. */
interface LayerList {
  manifest: Pick<ImageManifest, 'layers'>;
  config: Pick<ImageConfig, 'rootfs'>;
}

interface NamedImage {
  id: Digest;
  /** The name means something new now. */
  isNew: boolean;
}

/** One pull: who asks, and what guards its blobs until they have a record. */
interface Pull extends PullOptions {
  reference: Reference;
  repository: Repository;
  lease: Lease;
}

/**
 * Brings images from registries. An image is named only when all of it is there and durable; what a pull that failed
 * or was cancelled has finished (whole layers, parts of downloads) stays for the next, and goes with a later sweep.
 */
export class Puller {
  readonly #rooms: PullRooms;
  readonly #transfers: LayerTransfers;
  readonly #archives: LayerArchives;

  constructor(rooms: PullRooms) {
    this.#rooms = rooms;
    this.#transfers = new LayerTransfers(rooms);
    this.#archives = new LayerArchives(rooms);
  }

  /** Brings the image that `reference` (with tag or digest) stands for in its registry. @throws in dockerd's words. */
  pull(reference: Reference, options: PullOptions): Promise<Digest> {
    return this.#guarded(reference, options, async pull => {
      const { id, isNew } = await this.#pull(pull);
      tellOutcome(reference, isNew, options);
      return id;
    });
  }

  /** Brings all tags of a repository, one after the other. @throws in dockerd's words. */
  pullAll(repository: Reference, options: PullOptions): Promise<Digest[]> {
    return this.#guarded(repository, options, async pull => {
      const pulled: NamedImage[] = [];
      for (const tag of await pull.repository.tags(options.signal)) {
        if (!isTag(tag)) throw invalidArgument('invalid tag format');
        pulled.push(await this.#pull({ ...pull, reference: { ...repository, tag } }));
      }
      const isNew = pulled.some(image => image.isNew);
      tellOutcome(repository, isNew, options);
      return pulled.map(({ id }) => id);
    });
  }

  async #guarded<T>(reference: Reference, options: PullOptions, work: (pull: Pull) => Promise<T>): Promise<T> {
    const lease = this.#rooms.content.lease();
    const repository = this.#rooms.registry.repository(reference, options.auth);
    try {
      return await work({ ...options, reference, repository, lease });
    } catch (error) {
      if (options.signal.aborted) throw cancelled('context canceled', { cause: error });
      throw pullError(error, reference);
    } finally {
      lease.release();
    }
  }

  async #pull(pull: Pull): Promise<NamedImage> {
    const { reference, progress } = pull;
    const resolved = await pull.repository.resolve(reference, pull.signal);
    const { digest } = resolved.descriptor;
    if (resolved.body) parseManifest(resolved.body, resolved.descriptor.mediaType); // before anything is told, as dockerd does
    const canonical = { ...repositoryOf(reference), digest };
    progress({ status: `Pulling from ${reference.path}`, id: reference.digest ? toText(reference) : reference.tag });
    const names = [reference, canonical];
    const pulledAs = this.#rooms.index.state.references.get(toText(canonical)); // of an index, the index says which is wanted
    const named =
      (await this.#nameAgain(names, pulledAs, pull)) ??
      (await this.#bring(names, await findImage(resolved, this.#finding(pull)), pull));
    progress({ status: `Digest: ${digest}` });
    return named;
  }

  /** Names an image of which nothing is missing. It is held first: somebody may be removing it. */
  async #nameAgain(
    names: readonly Reference[],
    id: Digest | undefined,
    { lease }: Pull,
    found?: FoundImage,
  ): Promise<NamedImage | undefined> {
    const { index, content, layerHolds } = this.#rooms;
    const record = id && index.state.images.get(id);
    if (!record) return undefined;
    const { layers, manifest } = record;
    for (const digest of [record.id, ...(manifest ? [manifest.digest] : []), ...layers.map(layer => layer.digest)])
      lease.protect(digest);
    const letGo = layerHolds.take(layers.map(({ chainId }) => chainId));
    try {
      const isWhole = content.has(record.id) && layers.every(layer => this.#archives.has(layer));
      return isWhole ? await this.#name(names, record, found) : undefined;
    } finally {
      letGo();
    }
  }

  #finding({ repository, lease, platform, signal }: Pull) {
    const { content, clock, retryDelayMs = defaultRetryDelayMs } = this.#rooms;
    const attempts = this.#rooms.attempts?.() ?? defaultAttempts;
    const download = { clock, attempts, retryDelayMs, signal, tell: () => undefined };
    return { repository, content, lease, platform: platform ?? this.#rooms.platform, download };
  }

  /** Brings the layers that are missing, then names the image. */
  async #bring(names: readonly Reference[], found: FoundImage, pull: Pull): Promise<NamedImage> {
    const { layerHolds, snapshots } = this.#rooms;
    const again = await this.#nameAgain(names, found.id, pull, found);
    if (again) return again;
    const chainIds = chainIdsOf(found.config.rootfs.diff_ids);
    const letGo = layerHolds.take(chainIds);
    try {
      const layers = await this.#layers(found, chainIds, pull);
      if (!chainIds.every(chainId => snapshots.hasLayer(chainId))) throw internal('a layer vanished during the pull');
      return await this.#name(names, { id: found.id, layers, manifest: found.descriptor }, found);
    } finally {
      letGo();
    }
  }

  /** An image of layers that are elsewhere, hidden like a build's step. */
  async obtain({ layers, from, config, signal }: ObtainRequest): Promise<Digest> {
    const { content, index, layerHolds } = this.#rooms;
    const diffIds = layers.map(({ diffId }) => diffId);
    const document: ImageConfig = { ...config, rootfs: { type: 'layers', diff_ids: diffIds } };
    const chainIds = chainIdsOf(diffIds);
    const lease = content.lease();
    const letGo = layerHolds.take(chainIds);
    try {
      const list = { config: document, manifest: { layers: layers.map(({ descriptor }) => descriptor) } };
      const pull = { progress: () => undefined, signal, repository: from, lease };
      const blobs = await this.#layers(list, chainIds, pull);
      const text = Buffer.from(JSON.stringify(document));
      const id = digestOf(text);
      lease.protect(id);
      await content.put(text);
      await index.update(draft => {
        if (!draft.images.has(id)) draft.images.set(id, { id, layers: blobs, intermediate: true });
      });
      return id;
    } finally {
      letGo();
      lease.release();
    }
  }

  async #layers(found: LayerList, chainIds: ChainId[], pull: LayerPull): Promise<LayerBlob[]> {
    const failed = new AbortController();
    const signal = AbortSignal.any([pull.signal, failed.signal]);
    const layers: Promise<LayerBlob>[] = [];
    for (const [position, chainId] of chainIds.entries()) {
      const layer = this.#layer(found, { chainId, position, parent: chainIds[position - 1] }, { ...pull, signal });
      layer.catch(error => failed.abort(error)); // one missing layer makes the others useless
      layers.push(layer);
    }
    await Promise.allSettled(layers);
    if (failed.signal.aborted) throw failed.signal.reason;
    return Promise.all(layers);
  }

  async #layer(
    found: LayerList,
    place: { chainId: ChainId; position: number; parent: ChainId | undefined },
    { progress, signal, repository, lease }: LayerPull,
  ): Promise<LayerBlob> {
    const descriptor = found.manifest.layers[place.position];
    const diffId = found.config.rootfs.diff_ids[place.position];
    if (!descriptor || !diffId) throw internal(`layer ${place.position} is missing`);
    const id = shortId(descriptor.digest);
    lease.protect(descriptor.digest);
    const kept = this.#kept(place.chainId);
    if (kept) {
      lease.protect(kept.digest);
      progress(layerMessage(id, { action: 'Already exists' }));
      return kept;
    }
    progress(layerMessage(id, { action: 'Pulling fs layer' }));
    const tell = throttled(news => progress(layerMessage(id, news)));
    return this.#transfers.obtain({ ...place, diffId, descriptor, repository }, { signal, tell });
  }

  /** The blob of a layer that is unpacked already, whichever image it came with. */
  #kept(chainId: ChainId): LayerBlob | undefined {
    const kept = this.#rooms.index.layer(chainId) ?? this.#transfers.made(chainId);
    return kept && this.#archives.has(kept) ? kept : undefined;
  }

  #name(names: readonly Reference[], record: ImageRecord, found?: FoundImage): Promise<NamedImage> {
    const { id } = record;
    const [first = ''] = names.map(toText);
    return this.#rooms.index.update(draft => {
      const platforms = found && platformsFound(found);
      const target = platforms?.descriptor.digest ?? id;
      const isMore = platforms !== undefined && addPlatforms(draft, platforms);
      const isNew = isMore || draft.references.get(first) !== target;
      const taggedAt = isNew || !record.taggedAt ? new Date().toISOString() : record.taggedAt;
      draft.images.set(id, { ...record, taggedAt });
      for (const name of names) draft.references.set(toText(name), target);
      return { id, isNew };
    });
  }
}

function tellOutcome(reference: Reference, isNew: boolean, { progress }: PullOptions): void {
  const outcome = isNew ? 'Downloaded newer image for' : 'Image is up to date for';
  progress({ status: `Status: ${outcome} ${familiar(reference)}` });
}

/** The index that an image was chosen from, where there was a choice. */
function platformsFound({ id, descriptor, indexes }: FoundImage): PlatformsRecord | undefined {
  const [index, ...inner] = indexes;
  const members = [{ manifest: descriptor.digest, id }];
  return index && { descriptor: index, members, blobs: inner.map(({ digest }) => digest) };
}
