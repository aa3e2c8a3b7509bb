import type { Readable } from 'node:stream';
import { cancelled, invalidArgument, unavailable } from '../../contracts/errors.ts';
import type { Compression, Descriptor } from '../../contracts/oci/descriptor.ts';
import type { ChainId, DiffId, Digest } from '../../contracts/oci/digest.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { familiar, toText } from '../../contracts/oci/reference.ts';
import type { UnpackedLayer } from '../archive/index.ts';
import type { IngestedBlob, Lease } from '../content/index.ts';
import { ArchiveFiles } from './archive-files.ts';
import { type ArchivedEntry, type ArchivedImage, imagesIn } from './archived-images.ts';
import { chainIdsOf } from './chain-ids.ts';
import { compressionIn } from './compression-in.ts';
import { type EarlyLayer, EarlyLayers } from './early-layers.ts';
import type { LayerBlob } from './image.ts';
import { contentsOf, LayerArchives } from './layer-archives.ts';
import { blobName } from './layout-images.ts';
import { suitability } from './platform.ts';
import { addPlatforms, type PlatformsRecord } from './platforms-record.ts';
import { layerMessage, type Progress, shortId } from './progress.ts';
import type { PullRooms } from './pull.ts';
import { diskFullText, isDiskFull, registrationFailed } from './pull-errors.ts';

export interface LoadOptions {
  /** Only the names, no progress. */
  quiet: boolean;
  /** Only images for this one; else what is there, and of a choice the engine's own. */
  platform?: Platform;
  progress: Progress;
  signal?: AbortSignal;
}

/** One image on its way in. */
interface Load {
  files: ArchiveFiles;
  early: EarlyLayers;
  lease: Lease;
  progress: Progress;
  signal: AbortSignal;
}

const nobodyCancels = new AbortController().signal;
const layersAtOnce = 3;

/** Takes images out of archives. Each image of an archive comes in as a whole or not at all. */
export class Loader {
  readonly #rooms: Omit<PullRooms, 'registry'>;
  readonly #archives: LayerArchives;

  constructor(rooms: Omit<PullRooms, 'registry'>) {
    this.#rooms = rooms;
    this.#archives = new LayerArchives(rooms);
  }

  /** Resolves to the ids of what was loaded. @throws invalid-argument for what is no image archive. */
  async load(tar: Readable, { quiet, platform, progress, signal = nobodyCancels }: LoadOptions): Promise<Digest[]> {
    const { content } = this.#rooms;
    const lease = content.lease();
    const early = new EarlyLayers(this.#rooms, signal);
    let files: ArchiveFiles | undefined;
    try {
      files = await ArchiveFiles.read(tar, content, signal, early);
      const ids: Digest[] = [];
      const load = { files, early, lease, signal, progress: quiet ? () => undefined : progress };
      for (const entry of await imagesIn(files, { wanted: platform, own: this.#rooms.platform })) {
        const images = entry.images.filter(({ config }) => !platform || suitability(config, platform) > 0);
        if (images.length === 0) continue;
        const { platforms } = entry;
        if (!platforms) images.forEach(checkSystem); // of several platforms, one may well be for another system
        for (const image of images) await this.#loadOne(image, load);
        if (platforms) await this.#loadIndex(platforms, load);
        await this.#name({ ...entry, images }, progress);
        ids.push(...images.map(({ id }) => id));
      }
      return ids;
    } catch (error) {
      if (signal.aborted) throw cancelled('context canceled', { cause: error });
      if (isDiskFull(error)) throw unavailable(diskFullText(error), { cause: error });
      throw error;
    } finally {
      await early.close();
      await files?.close();
      lease.release();
    }
  }

  async #loadOne(image: ArchivedImage, load: Load): Promise<void> {
    const { content, index, layerHolds } = this.#rooms;
    const chainIds = chainIdsOf(image.config.rootfs.diff_ids);
    if (chainIds.length !== image.layers.length) {
      throw invalidArgument(
        `invalid manifest, layers length mismatch: expected ${chainIds.length}, got ${image.layers.length}`,
      );
    }
    const letGo = layerHolds.take(chainIds);
    try {
      load.lease.protect(image.id);
      if (!content.has(image.id)) await content.put(image.configBytes);
      const layers = await this.#layers(image, chainIds, load);
      const manifest = await this.#manifest(image, load);
      await index.update(draft => {
        const known = draft.images.get(image.id);
        if (!known) draft.images.set(image.id, { id: image.id, layers, ...(manifest ? { manifest } : {}) });
      });
    } finally {
      letGo();
    }
  }

  /** The index, and all of it that is no image. */
  async #loadIndex({ descriptor, members, blobs }: PlatformsRecord, { files, lease }: Load): Promise<void> {
    const { content, index } = this.#rooms;
    for (const digest of [descriptor.digest, ...members.map(({ manifest }) => manifest), ...blobs]) {
      lease.protect(digest);
      const file = files.get(blobName(digest));
      if (file.digest !== digest) throw invalidArgument(`invalid archive: ${blobName(digest)} has another digest`);
      if (!content.has(digest)) await file.commit();
    }
    await index.update(draft => addPlatforms(draft, { descriptor, members, blobs }));
  }

  async #manifest({ manifest }: ArchivedImage, { lease }: Load): Promise<Descriptor | undefined> {
    if (!manifest) return undefined;
    lease.protect(manifest.descriptor.digest);
    await this.#rooms.content.put(manifest.bytes);
    return manifest.descriptor;
  }

  /** A few side by side; they are committed lowest first. */
  async #layers(image: ArchivedImage, chainIds: ChainId[], load: Load): Promise<LayerBlob[]> {
    const layers: Promise<LayerBlob>[] = [];
    for (const position of chainIds.keys()) {
      const parentReady = layers.at(-1) ?? Promise.resolve();
      await (layers[position - layersAtOnce] ?? Promise.resolve()).catch(() => undefined);
      const layer = this.#layer(image, { chainIds, position, parentReady }, load);
      layer.catch(() => undefined); // seen below
      layers.push(layer);
    }
    await Promise.allSettled(layers);
    return Promise.all(layers);
  }

  async #layer(
    image: ArchivedImage,
    place: { chainIds: ChainId[]; position: number; parentReady: Promise<unknown> },
    { files, early, lease, progress, signal }: Load,
  ): Promise<LayerBlob> {
    const { content, index } = this.#rooms;
    const { chainIds, position, parentReady } = place;
    const chainId = chainIds[position];
    const diffId = image.config.rootfs.diff_ids[position];
    const source = image.layers[position];
    if (!chainId || !diffId || !source) throw invalidArgument('invalid manifest: a layer is missing');
    const kept = index.layer(chainId);
    if (kept) lease.protect(kept.digest);
    if (kept && this.#archives.has(kept)) return kept;
    const file = files.get(source.name);
    const id = shortId(diffId);
    const total = file.size;
    progress(layerMessage(id, { action: 'Loading layer', current: 0, total }));
    const compression = await compressionIn(file.readPath, { mediaType: '' });
    const { draft, unpacked } = early.take(file) ?? (await this.#unpack(file, compression, signal));
    try {
      const contents = contentsOf(await asWanted(unpacked, diffId));
      lease.protect(file.digest);
      if (!contents.archive && !content.has(file.digest)) await file.commit();
      await parentReady;
      await draft.commit({ chainId, parent: chainIds[position - 1], ...contents });
    } catch (error) {
      await unpacked.catch(() => undefined); // nobody writes into what is taken away
      await draft.abort();
      throw error;
    }
    progress(layerMessage(id, { action: 'Loading layer', current: total, total }));
    return { mediaType: source.mediaType(compression), digest: file.digest, size: total, compression, chainId };
  }

  async #unpack(file: IngestedBlob, compression: Compression, signal: AbortSignal): Promise<EarlyLayer> {
    const { snapshots, archive } = this.#rooms;
    const draft = await snapshots.prepareLayer();
    const { directory: target, recipe } = draft;
    return { draft, unpacked: archive.unpackLayer({ blob: file.readPath, compression, target, recipe, signal }) };
  }

  async #name({ images, platforms, references }: ArchivedEntry, progress: Progress): Promise<void> {
    const { index } = this.#rooms;
    const [id] = images.map(image => image.id);
    const target = platforms?.descriptor.digest ?? id;
    if (!target) return;
    for (const reference of references) {
      const name = toText(reference);
      const former = index.state.references.get(name);
      if (former && former !== target) {
        const text = `The image ${familiar(reference)} already exists, renaming the old one with ID ${former} to empty string\n`;
        progress({ stream: text });
      }
      await index.update(draft => {
        const taggedAt = new Date().toISOString();
        for (const image of images) {
          const record = draft.images.get(image.id);
          if (record) draft.images.set(image.id, { ...record, taggedAt });
        }
        draft.references.set(name, target);
      });
      progress({ stream: `Loaded image: ${familiar(reference)}\n` });
    }
    if (references.length === 0) progress({ stream: `Loaded image ID: ${id}\n` });
  }
}

/** @throws invalid-argument in dockerd's words for what cannot run here */
function checkSystem({ config: { os } }: ArchivedImage): void {
  if (os && os !== 'linux') throw invalidArgument(`cannot load ${os} image on linux`);
}

/** @throws invalid-argument in dockerd's words for what is not the layer that the image wants. */
async function asWanted(unpacked: Promise<UnpackedLayer>, diffId: DiffId): Promise<UnpackedLayer> {
  const layer = await unpacked.catch(error => {
    throw registrationFailed(error);
  });
  if (layer.diffId === diffId) return layer;
  const words = `wrong diff id calculated on extraction "${layer.diffId}", expected "${diffId}"`;
  throw registrationFailed(invalidArgument(words));
}
