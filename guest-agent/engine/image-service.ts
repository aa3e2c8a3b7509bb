import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { AuthConfig, JsonMessage } from '../../contracts/docker/common.ts';
import type { ContainerConfig, GraphDriverDocument } from '../../contracts/docker/containers.ts';
import type {
  DistributionInspect,
  HistoryItem,
  ImageDeleteItem,
  ImageDescriptor,
  ImageInspect,
  ImagePruneReport,
  ImageSearchResult,
  ImageSummary,
  ManifestSummary,
  RepositoryTags,
} from '../../contracts/docker/images.ts';
import { internal, invalidArgument, messageOf, notFound } from '../../contracts/errors.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { familiar, familiarName, parseReference, withDefaultTag, withTag } from '../../contracts/oci/reference.ts';
import {
  type ContainerUse,
  formatPlatform,
  type Image,
  ownPlatform,
  parsePlatform,
  sameRepository,
  suitability,
} from '../images/index.ts';
import type { EngineContext } from './context.ts';
import type { Filters, ImagesService, TransferRequest } from './engine.ts';
import { toManifestSummary } from './image-manifests.ts';
import { type SearchRequest, searchImages } from './image-search.ts';
import { listImageTags } from './image-tags.ts';
import { type ImportRequest, importImage } from './import.ts';

/** Docker's image documents and events over the images room. */
export class ImageService implements ImagesService {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  async list(query: { filters?: Filters; sharedSize?: boolean; manifests?: boolean }): Promise<ImageSummary[]> {
    const { images } = this.#context.rooms;
    return images.list(query.filters ?? {}).map(image => ({
      Containers: [image.id, ...image.siblings].flatMap(id => this.#usesOf(id)).length,
      Created: seconds(image.createdAt),
      Id: image.id,
      Labels: image.config.config?.Labels ?? null,
      ParentId: '',
      ...descriptorOf(image),
      ...(query.manifests ? this.#manifestsOf(image) : {}),
      RepoDigests: image.repoDigests,
      RepoTags: image.references.map(familiar),
      SharedSize: query.sharedSize ? images.sharedSize(image) : -1,
      Size: image.size,
    }));
  }

  async inspect(name: string, options: { platform?: string; manifests?: boolean } = {}): Promise<ImageInspect> {
    const image = this.#checked(name, options.platform);
    const { config } = image;
    return {
      Id: image.id,
      RepoTags: image.references.map(familiar),
      RepoDigests: image.repoDigests,
      Parent: '',
      Comment: config.comment || (config.history?.at(-1)?.comment ?? ''),
      Created: config.created ?? undefined,
      DockerVersion: config.docker_version ?? '',
      Author: config.author ?? '',
      Config: (config.config as ContainerConfig | undefined) ?? null,
      Architecture: config.architecture,
      ...(config.variant ? { Variant: config.variant } : {}),
      Os: config.os,
      Size: image.size,
      GraphDriver: this.#graphDriver(image),
      RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
      Metadata: { LastTagTime: image.taggedAt?.toISOString() ?? '0001-01-01T00:00:00Z' },
      ...descriptorOf(options.platform ? { ...image, platforms: undefined } : image),
      ...(options.manifests ? this.#manifestsOf(image) : {}),
    };
  }

  /** Where the layers lie; of a driver that copies them for each container nothing is told, as dockerd does. */
  #graphDriver({ topChainId }: Image): GraphDriverDocument {
    const { snapshots } = this.#context.rooms;
    const { driver: Name } = snapshots;
    const isStacked = Name === 'overlay2' || Name === 'fuse-overlayfs';
    if (!isStacked || !topChainId || !snapshots.hasLayer(topChainId)) return { Name, Data: null };
    const [top = '', ...below] = snapshots.layerStack(topChainId);
    const beside = (name: string): string => join(dirname(top), name);
    const made = { MergedDir: beside('merged'), UpperDir: top, WorkDir: beside('work') };
    return { Name, Data: below.length > 0 ? { LowerDir: below.join(':'), ...made } : made };
  }

  async history(name: string, platform?: string): Promise<HistoryItem[]> {
    return this.#context.rooms.images.history(platform ? this.#checked(name, platform).id : name);
  }

  async pull(request: TransferRequest): Promise<void> {
    const reference = withTag(request.image, request.tag);
    const { auth, progress, signal } = request;
    const wanted = request.platform ? parsePlatform(request.platform, ownPlatform()) : undefined;
    const { images } = this.#context.rooms;
    const options = { ...(wanted ? { platform: wanted } : {}), ...(auth ? { auth } : {}), progress, signal };
    const isOne = reference.tag !== undefined || reference.digest !== undefined;
    const pulled = isOne ? [await images.pull(reference, options)] : await images.pullAll(reference, options);
    const name = familiar(reference);
    for (const image of pulled) {
      if (wanted && suitability(image.config, wanted) === 0)
        progress({ status: `WARNING: ${mismatch(name, image, wanted)}` });
    }
    this.#emit('pull', name, familiarName(reference));
  }

  async push(request: TransferRequest): Promise<void> {
    const reference = withTag(request.image, request.tag);
    if (reference.digest) throw invalidArgument('cannot push a digest reference');
    const { auth, progress, signal } = request;
    const wanted = request.platform ? { platform: parsePlatform(request.platform, ownPlatform()) } : {};
    const name = familiar(reference);
    if (request.platform && this.#context.rooms.images.find(name)) this.#checked(name, request.platform);
    await this.#context.rooms.images.push(reference, { ...wanted, ...(auth ? { auth } : {}), progress, signal });
    this.#emit('push', name, familiarName(reference));
  }

  import(request: ImportRequest): Promise<void> {
    return importImage(request, this.#context);
  }

  search(request: SearchRequest): Promise<ImageSearchResult[]> {
    return searchImages(request, this.#context);
  }

  distribution(request: { image: string; auth?: AuthConfig; signal: AbortSignal }): Promise<DistributionInspect> {
    const { auth, signal } = request;
    if (isWholeId(request.image)) throw internal('no manifest found for full image ID');
    const reference = parseReference(request.image);
    return this.#context.rooms.images.distribution(reference, { ...(auth ? { auth } : {}), signal });
  }

  tags(request: { image: string; auth?: AuthConfig; signal: AbortSignal }): Promise<RepositoryTags> {
    return listImageTags(request, this.#context);
  }

  async load(
    tar: Readable,
    options: { quiet: boolean; platform?: string; progress: (message: JsonMessage) => void; signal: AbortSignal },
  ): Promise<void> {
    const { platform, ...rest } = options;
    const wanted = platform ? { platform: parsePlatform(platform, ownPlatform()) } : {};
    for (const image of await this.#context.rooms.images.load(tar, { ...rest, ...wanted }))
      this.#emit('load', image.id, image.id);
  }

  async save(names: readonly string[], platform?: string): Promise<Readable> {
    const { images } = this.#context.rooms;
    const wanted = platform ? parsePlatform(platform, ownPlatform()) : undefined;
    for (const name of names) {
      checkedName(name);
      if (this.#savedAs(name).length === 0) missingImage(name);
    }
    const saved = names.flatMap(name => (wanted ? (images.find(name, wanted) ?? []) : this.#savedAs(name)));
    if (wanted && saved.length < names.length) {
      throw notFound(`no suitable export target found for platform ${formatPlatform(wanted)}`);
    }
    const tar = images.save(names, wanted);
    for (const { id } of saved) this.#emit('save', id, id);
    return tar;
  }

  /** The image of that name, or those of the repository, whatever their tags. */
  #savedAs(name: string): Image[] {
    const { images } = this.#context.rooms;
    const image = images.find(name);
    if (image || isWholeId(name)) return image ? [image] : [];
    const typed = parseReference(name);
    if (typed.tag && !typed.digest) throw notFound('reference does not exist');
    if (typed.digest) return [];
    return images.list().filter(({ references }) => references.some(reference => sameRepository(reference, typed)));
  }

  async tag(name: string, target: { repository: string; tag?: string }): Promise<void> {
    const reference = withDefaultTag(withTag(target.repository, target.tag));
    if (reference.digest) throw invalidArgument('cannot import digest reference');
    await this.#context.rooms.images.tag(name, reference);
    this.#emit('tag', this.#context.rooms.images.get(name).id, familiar(reference));
  }

  async remove(
    name: string,
    options: { force: boolean; noPrune: boolean; platform?: string },
  ): Promise<ImageDeleteItem[]> {
    const { images } = this.#context.rooms;
    const { force, noPrune: noprune } = options;
    const { id } = this.#checked(name, options.platform);
    const wanted = options.platform ? { platform: parsePlatform(options.platform, ownPlatform()) } : {};
    const inUse = (imageId: Digest): ContainerUse[] => this.#usesOf(imageId);
    const items = await images.remove(name, { force, noprune, inUse, ...wanted });
    this.#emitRemoval(id, items);
    return items;
  }

  async prune(filters: Filters): Promise<ImagePruneReport> {
    const { images } = this.#context.rooms;
    const before = new Set<string>(images.list().map(({ id }) => id));
    const report = await images.prune(filters, id => this.#usesOf(id));
    let untagged = 0;
    for (const item of report.deleted) {
      if ('Untagged' in item) untagged++;
      else if (before.has(item.Deleted)) {
        for (; untagged > 0; untagged--) this.#emit('untag', item.Deleted, item.Deleted);
        this.#emit('delete', item.Deleted, item.Deleted);
      }
    }
    this.#context.events.emit({
      type: 'image',
      action: 'prune',
      id: '',
      attributes: { reclaimed: String(report.spaceReclaimed) },
    });
    return { ImagesDeleted: report.deleted.length > 0 ? report.deleted : null, SpaceReclaimed: report.spaceReclaimed };
  }

  /** Of an image's platforms the wanted one that is here. @throws not-found when there is no such image, or it is for another platform */
  #checked(name: string, platform: string | undefined): Image {
    const { images } = this.#context.rooms;
    const image = images.get(name);
    const wanted = platform ? parsePlatform(platform, ownPlatform()) : undefined;
    if (!wanted) return image;
    const chosen = images.find(name, wanted);
    if (chosen) return chosen;
    throw notFound(mismatch(name, image, wanted));
  }

  /** Only of what was chosen from an index; dockerd says nothing of others. */
  #manifestsOf(image: Image): { Manifests?: ManifestSummary[] } {
    const offers = this.#context.rooms.images.offers(image);
    const containersOf = (id: string): string[] => this.#usesOf(id as Digest).map(use => use.id);
    return offers.length > 0 ? { Manifests: offers.map(offer => toManifestSummary(offer, containersOf)) } : {};
  }

  /** Who was made of an image, or mounts it; who only mounts it keeps its layers when it is removed by force. */
  #usesOf(id: Digest): ContainerUse[] {
    return this.#context.index.all().flatMap(container => {
      const { image, mounts } = container.record;
      const isMade = image.id === id;
      if (!isMade && !mounts.some(mount => mount.image?.id === id)) return [];
      return [{ id: container.id, running: isMade && container.live !== undefined }];
    });
  }

  #emitRemoval(id: Digest, items: readonly ImageDeleteItem[]): void {
    for (const item of items) {
      if ('Untagged' in item) this.#emit('untag', id, id);
      else if (item.Deleted === id) this.#emit('delete', id, id);
    }
  }

  #emit(action: string, id: string, name: string): void {
    this.#context.events.emit({ type: 'image', action, id, attributes: { name } });
  }
}

/** A save tells of a name that is none as of a fault of its own, as dockerd does. */
function checkedName(name: string): void {
  try {
    if (!isWholeId(name)) parseReference(name);
  } catch (cause) {
    throw internal(messageOf(cause), { cause });
  }
}

const isWholeId = (name: string): boolean => /^(sha256:)?[0-9a-f]{64}$/.test(name);

function missingImage(name: string): never {
  throw notFound(`No such image: ${name}`);
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

/** Of several platforms, the index stands for the image. */
function descriptorOf({ manifest, platforms }: Image): { Descriptor?: ImageDescriptor } {
  const Descriptor = platforms?.descriptor ?? manifest;
  return Descriptor ? { Descriptor } : {};
}

/** In Docker's words: a registry, and we, may have an image for another platform than the wanted one. */
function mismatch(name: string, { config, siblings }: Image, wanted: Platform): string {
  const asked = formatPlatform(wanted);
  const found = `image with reference ${name} was found but`;
  if (siblings.length > 0) return `${found} does not provide the specified platform (${asked})`;
  return `${found} its platform (${formatPlatform(config)}) does not match the specified platform (${asked})`;
}
