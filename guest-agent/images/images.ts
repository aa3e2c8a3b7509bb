import type { Readable } from 'node:stream';
import { type Clock, systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { booleanFilter } from '../../contracts/docker/filters.ts';
import type { DistributionInspect, HistoryItem, ImageDeleteItem } from '../../contracts/docker/images.ts';
import type { ChainId, Digest } from '../../contracts/oci/digest.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { type Reference, tagOf, toText, withDefaultTag } from '../../contracts/oci/reference.ts';
import type { Archive } from '../archive/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Registry } from '../registry/index.ts';
import type { Snapshots } from '../snapshots/index.ts';
import { Catalogue } from './catalogue.ts';
import { checkImages } from './check.ts';
import { type CommitLayerRequest, commitLayer } from './commit-layer.ts';
import { type ComposeRequest, composeImage, idOfComposed } from './compose-image.ts';
import { inspectDistribution } from './distribution.ts';
import { sweepGarbage } from './garbage.ts';
import { historyOf } from './history.ts';
import { Holds } from './holds.ts';
import type { Image, LayerBlob } from './image.ts';
import { ImageIndex } from './image-index.ts';
import { keepIndex } from './keep-index.ts';
import { LayerArchives } from './layer-archives.ts';
import { checkFilters, filterImages, type ImageFilters, noSuchImage, timeFilter } from './list.ts';
import { Loader, type LoadOptions } from './load.ts';
import { offersIn, type PlatformOffer } from './offers.ts';
import type { PlatformImage } from './platform-index.ts';
import { dropImage, dropMember, dropNames } from './platforms-record.ts';
import { type ObtainRequest, Puller, type PullOptions } from './pull.ts';
import { isDiskFull } from './pull-errors.ts';
import { type PushedLayers, Pusher, type PushOptions, type WholeLayer } from './push.ts';
import { type ContainerUse, planRemoval, untaggedItems } from './remove.ts';
import { saveImages, saveIndex } from './save.ts';
import { type StackRequest, stackLayer } from './stack-layers.ts';

export interface ImagesOptions {
  /** Where `references.json` lives. */
  root: string;
  content: ContentStore;
  snapshots: Snapshots;
  archive: Archive;
  registry: Registry;
  /** What to choose from an index when nobody says. */
  platform: Platform;
  log: Log;
  clock?: Clock;
  /** Docker's `max-concurrent-downloads`: 3. Asked each time, as it may change. */
  downloads?: () => number;
  /** Docker's `max-concurrent-uploads`: 5. */
  uploads?: () => number;
  /** Docker's `max-download-attempts`: 5. */
  attempts?: () => number;
  retryDelayMs?: number;
}

/** Who uses an image; asked at the moment of removal. */
export type UsesOf = (imageId: Digest) => readonly ContainerUse[];

export interface RemoveOptions {
  force: boolean;
  noprune?: boolean;
  platform?: Platform;
  inUse: UsesOf;
}

/** See the door of this room. Images and lists are snapshots; errors are in dockerd's words. */
export interface Images {
  pull(reference: Reference, options: PullOptions): Promise<Image>;
  /** All tags of a repository, one after the other. */
  pullAll(repository: Reference, options: PullOptions): Promise<Image[]>;
  /** The tag, or all tags of a repository. */
  push(reference: Reference, options: PushOptions): Promise<void>;
  /** Layers of images, under a document that is no image's. */
  pushLayers(reference: Reference, options: PushedLayers): Promise<void>;
  /** One image a platform, under one tag. Resolves with the digest of the index. */
  pushIndex(reference: Reference, images: readonly PlatformImage[], options: PushOptions): Promise<Digest>;
  /** The same as an OCI layout. */
  saveIndex(images: readonly PlatformImage[], references: readonly Reference[]): Readable;
  /** A layer's archive, packed; the caller closes it. */
  packLayer(layer: LayerBlob, signal: AbortSignal): Promise<WholeLayer>;
  /** An image of layers that are elsewhere, hidden like a build's step. */
  obtain(request: ObtainRequest): Promise<Image>;
  /** Reads a docker-archive or an OCI layout, packed or not. Resolves to the names (or ids) that were loaded. */
  load(tar: Readable, options: LoadOptions): Promise<Image[]>;
  /** A docker-archive that is an OCI layout too. @throws not-found before the first byte. */
  save(names: readonly string[], platform?: Platform): Readable;
  /** One image a platform, kept under one index. Resolves with its digest. */
  keepIndex(images: readonly PlatformImage[], references: readonly Reference[]): Promise<Digest>;
  /**
   * By reference, id, or a prefix of an id. Of several platforms the engine's own, or the wanted one; nothing where that is
   * not here. @throws invalid-argument for what can be neither.
   */
  find(name: string, platform?: Platform): Image | undefined;
  /** @throws not-found `No such image: x:latest` */
  get(name: string): Image;
  list(filters?: ImageFilters): Image[];
  /** The platforms that an image was chosen from, and which of them are here. Nothing for an image without a choice. */
  offers(image: Image): PlatformOffer[];
  /** `docker commit`: an image of another one with a layer on it. */
  commitLayer(request: CommitLayerRequest): Promise<Image>;
  /** Layers of whatever images, one on the other. */
  stack(request: StackRequest): Promise<Image>;
  /** An image of another one's layers with words of its own. */
  compose(request: ComposeRequest): Promise<Image>;
  /** What {@link compose} would call it. */
  idOf(request: Pick<ComposeRequest, 'layersOf' | 'config'>): Digest;
  /** Those of builds' steps, which no list shows. */
  intermediates(): Image[];
  /** Removes images of builds' steps, and sweeps what only they used. Unknown ids and other images are passed over. */
  dropIntermediates(ids: readonly Digest[]): Promise<void>;
  tag(name: string, target: Reference): Promise<void>;
  /** With `platform`, only that one of several. */
  remove(name: string, options: RemoveOptions): Promise<ImageDeleteItem[]>;
  prune(filters: ImageFilters, inUse: UsesOf): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimed: number }>;
  history(name: string): HistoryItem[];
  /** `GET /distribution/{name}/json`: asks the registry, brings nothing. */
  distribution(reference: Reference, options: Pick<PullOptions, 'auth' | 'signal'>): Promise<DistributionInspect>;
  /** Bytes of the layer alone. */
  layerSize(chainId: ChainId): number;
  /** Bytes of the layers that other images use too. */
  sharedSize(image: Image): number;
  diskUsage(): { layersBytes: number; blobsBytes: number };
  /** Removes what no image and no container uses. */
  sweep(): Promise<void>;
}

/** Opens the room. What a crash left goes with the first {@link Images.sweep}, when there is time for it. */
export function openImages(options: ImagesOptions): Images {
  return new ImageStore(options, ImageIndex.open(options.root, options.log));
}

/** {@link checkImages} over the room's own list. Nobody else may use the store. */
export async function checkStore(options: Pick<ImagesOptions, 'root' | 'content' | 'snapshots' | 'archive' | 'log'>) {
  const index = ImageIndex.open(options.root, options.log);
  const findings = await checkImages({ ...options, index });
  const { layers, partialBytes } = await sweepGarbage(
    { ...options, index, layerHolds: new Holds() },
    { partials: 'all' },
  );
  return { findings, images: index.state.images.size, removedLayers: layers.length, partialBytes };
}

class ImageStore implements Images {
  readonly #options: ImagesOptions;
  readonly #index: ImageIndex;
  readonly #layerHolds = new Holds<ChainId>();
  readonly #puller: Puller;
  readonly #pusher: Pusher;
  readonly #loader: Loader;
  readonly #catalogue: Catalogue;

  constructor(options: ImagesOptions, index: ImageIndex) {
    this.#options = options;
    this.#index = index;
    this.#catalogue = new Catalogue({ ...options, index });
    const rooms = { ...options, clock: options.clock ?? systemClock, index, layerHolds: this.#layerHolds };
    this.#puller = new Puller(rooms);
    this.#pusher = new Pusher(rooms);
    this.#loader = new Loader(rooms);
  }

  async pull(reference: Reference, options: PullOptions): Promise<Image> {
    return this.#catalogue.image(await this.#orSweep(this.#puller.pull(withDefaultTag(reference), options)));
  }

  async pullAll(repository: Reference, options: PullOptions): Promise<Image[]> {
    const ids = await this.#orSweep(this.#puller.pullAll(repository, options));
    return ids.map(id => this.#catalogue.image(id));
  }

  push(reference: Reference, options: PushOptions): Promise<void> {
    return this.#orSweep(this.#pusher.push(reference, options));
  }

  pushLayers(reference: Reference, options: PushedLayers): Promise<void> {
    return this.#orSweep(this.#pusher.pushLayers(reference, options));
  }

  pushIndex(reference: Reference, images: readonly PlatformImage[], options: PushOptions): Promise<Digest> {
    return this.#orSweep(this.#pusher.pushIndex(reference, images, options));
  }

  saveIndex(images: readonly PlatformImage[], references: readonly Reference[]): Readable {
    const { content } = this.#options;
    const archives = new LayerArchives(this.#options);
    return saveIndex(images, references, { content, archives, layerHolds: this.#layerHolds });
  }

  packLayer(layer: LayerBlob, signal: AbortSignal): Promise<WholeLayer> {
    return this.#pusher.packLayer(layer, signal);
  }

  async obtain(request: ObtainRequest): Promise<Image> {
    return this.#catalogue.image(await this.#orSweep(this.#puller.obtain(request)));
  }

  async load(tar: Readable, options: LoadOptions): Promise<Image[]> {
    const ids = await this.#orSweep(this.#loader.load(tar, options));
    return ids.map(id => this.#catalogue.image(id));
  }

  save(names: readonly string[], platform?: Platform): Readable {
    const { content } = this.#options;
    return saveImages(names, {
      content,
      archives: new LayerArchives(this.#options),
      layerHolds: this.#layerHolds,
      platform,
      find: (name, wanted) => this.find(name, wanted),
      list: () => this.list(),
    });
  }

  keepIndex(images: readonly PlatformImage[], references: readonly Reference[]): Promise<Digest> {
    const { content } = this.#options;
    const archives = new LayerArchives(this.#options);
    return this.#orSweep(keepIndex(images, references, { content, archives, index: this.#index }));
  }

  find(name: string, platform?: Platform): Image | undefined {
    return this.#catalogue.find(name, platform);
  }

  get(name: string): Image {
    return this.find(name) ?? noSuchImage(name);
  }

  list(filters: ImageFilters = {}): Image[] {
    checkFilters(filters, 'list');
    return this.#filtered(filters);
  }

  offers({ platforms }: Image): PlatformOffer[] {
    return offersIn(platforms, this.#options.content, id => this.#catalogue.image(id));
  }

  #filtered(filters: ImageFilters): Image[] {
    return filterImages(this.#catalogue.shown(), filters, name => this.find(name), new Date());
  }

  async commitLayer(request: CommitLayerRequest): Promise<Image> {
    const rooms = { ...this.#options, index: this.#index, layerHolds: this.#layerHolds };
    return this.#catalogue.image(await this.#orSweep(commitLayer(request, rooms)));
  }

  async stack({ below, layers, signal }: StackRequest): Promise<Image> {
    const rooms = { ...this.#options, index: this.#index, layerHolds: this.#layerHolds };
    let stacked = below;
    for (const each of layers) {
      stacked = this.#catalogue.image(await this.#orSweep(stackLayer({ ...each, below: stacked, signal }, rooms)));
    }
    if (!stacked) throw new Error('no layers to stack');
    return stacked;
  }

  async compose(request: ComposeRequest): Promise<Image> {
    const rooms = { ...this.#options, index: this.#index, layerHolds: this.#layerHolds };
    return this.#catalogue.image(await this.#orSweep(composeImage(request, rooms)));
  }

  idOf(request: Pick<ComposeRequest, 'layersOf' | 'config'>): Digest {
    return idOfComposed(request);
  }

  intermediates(): Image[] {
    const steps = [...this.#index.state.images.values()].filter(({ intermediate }) => intermediate);
    return steps.map(({ id }) => this.#catalogue.image(id));
  }

  async dropIntermediates(ids: readonly Digest[]): Promise<void> {
    await this.#index.update(draft => {
      for (const id of ids) if (draft.images.get(id)?.intermediate) draft.images.delete(id);
    });
    await this.#sweep();
  }

  async tag(name: string, target: Reference): Promise<void> {
    const { id } = this.get(name);
    const reference = tagOf(target);
    const meant = this.#catalogue.target(name) ?? id;
    await this.#index.update(draft => {
      const record = draft.images.get(id) ?? noSuchImage(name);
      draft.references.set(toText(reference), meant);
      const { intermediate: _, ...image } = record;
      draft.images.set(id, { ...image, taggedAt: new Date().toISOString() });
    });
  }

  async remove(name: string, options: RemoveOptions): Promise<ImageDeleteItem[]> {
    const { platform } = options;
    const image = platform ? (this.find(name, platform) ?? noSuchImage(name)) : this.get(name);
    const reference = this.#catalogue.target(name) ? this.#catalogue.referenceOf(name, image) : undefined;
    const isPart = platform !== undefined && image.siblings.length > 0;
    const others = isPart ? [] : image.siblings;
    const removal = planRemoval({
      image: isPart ? { ...image, references: [], digestReferences: [] } : image,
      name: reference && !isPart ? { typed: name, reference } : undefined,
      force: options.force,
      uses: [image.id, ...others].flatMap(id => options.inUse(id)),
    });
    const gone = await this.#index.update(draft => {
      if (isPart && image.platforms && !dropMember(draft, image.platforms, image.id)) return [];
      const unnamed = dropNames(draft, removal.untag).filter(id => id !== image.id);
      const ids = removal.deleteImage ? [image.id, ...unnamed] : unnamed;
      return [...new Set(ids.flatMap(id => dropImage(draft, id)))];
    });
    const untagged = untaggedItems(removal.untag);
    if (gone.length === 0) return untagged;
    const { layers } = await this.#sweep();
    return [...untagged, ...[...gone, ...layers.map(layer => layer.chainId)].map(id => ({ Deleted: id }))];
  }

  async prune(filters: ImageFilters, inUse: UsesOf): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimed: number }> {
    checkFilters(filters, 'prune');
    timeFilter(filters.until, new Date()); // one, and not several as in a list
    const danglingOnly = booleanFilter(filters, 'dangling') ?? true;
    const { dangling: _, ...others } = filters;
    const before = this.#spaceInUse();
    const deleted: ImageDeleteItem[] = [];
    for (const image of this.#filtered(others)) {
      if (danglingOnly && image.references.length > 0) continue;
      if ([image.id, ...image.siblings].some(id => inUse(id).length > 0)) continue;
      const names = [...image.references, ...image.digestReferences].map(toText);
      for (const name of names.length > 0 ? names : [image.id]) {
        if (this.find(name)) deleted.push(...(await this.remove(name, { force: false, inUse })));
      }
    }
    const { partialBytes } = await this.#sweep({ partials: Object.keys(others).length === 0 ? 'all' : 'old' });
    return { deleted, spaceReclaimed: partialBytes + Math.max(0, before - this.#spaceInUse()) };
  }

  history(name: string): HistoryItem[] {
    return historyOf(this.get(name), chainId => this.layerSize(chainId));
  }

  distribution(reference: Reference, options: Pick<PullOptions, 'auth' | 'signal'>): Promise<DistributionInspect> {
    return inspectDistribution(this.#options.registry, reference, options);
  }

  layerSize(chainId: ChainId): number {
    return this.#catalogue.layerSize(chainId);
  }

  sharedSize(image: Image): number {
    const platforms = [image.id, ...image.siblings];
    const others = [...this.#index.state.images.values()].filter(({ id }) => !platforms.includes(id));
    const shared = new Set(others.flatMap(({ layers }) => layers.map(({ chainId }) => chainId)));
    const own = new Set(platforms.flatMap(id => this.#catalogue.image(id).chainIds));
    return [...own].filter(id => shared.has(id)).reduce((sum, id) => sum + this.layerSize(id), 0);
  }

  diskUsage(): { layersBytes: number; blobsBytes: number } {
    const layers = [...this.#index.state.images.values()].flatMap(record => record.layers);
    const chainIds = new Set(layers.map(({ chainId }) => chainId));
    const blobs = new Map(layers.map(({ digest, size }) => [digest, size]));
    return {
      layersBytes: [...chainIds].reduce((sum, chainId) => sum + this.layerSize(chainId), 0),
      blobsBytes: [...blobs.values()].reduce((sum, size) => sum + size, 0),
    };
  }

  async sweep(): Promise<void> {
    await this.#sweep();
  }

  /** On a full disk even what would have helped the next attempt has to go. */
  #orSweep<T>(work: Promise<T>): Promise<T> {
    return work.catch(async error => {
      if (isDiskFull(error)) await this.#sweep({ partials: 'all' });
      throw error;
    });
  }

  #sweep(options?: { partials: 'old' | 'all' }) {
    const { content, snapshots, log } = this.#options;
    return sweepGarbage({ index: this.#index, content, snapshots, log, layerHolds: this.#layerHolds }, options);
  }

  #spaceInUse(): number {
    const { layersBytes, blobsBytes } = this.diskUsage();
    return layersBytes + blobsBytes;
  }
}
