import type { Readable } from 'node:stream';
import type { AuthConfig, JsonMessage } from '../../contracts/docker/common.ts';
import type { ContainerConfig } from '../../contracts/docker/containers.ts';
import type {
  DistributionInspect,
  HistoryItem,
  ImageDeleteItem,
  ImageInspect,
  ImagePruneReport,
  ImageSearchResult,
  ImageSummary,
  ManifestSummary,
} from '../../contracts/docker/images.ts';
import { invalidArgument, messageOf, notFound } from '../../contracts/errors.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import {
  familiar,
  familiarName,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../contracts/oci/reference.ts';
import {
  type ContainerUse,
  formatPlatform,
  type Image,
  ownPlatform,
  parsePlatform,
  suitability,
} from '../images/index.ts';
import type { EngineContext } from './context.ts';
import type { Filters, ImagesService, TransferRequest } from './engine.ts';
import { toManifestSummary } from './image-manifests.ts';
import { type SearchRequest, searchImages } from './image-search.ts';
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
      Containers: this.#usesOf(image.id).length,
      Created: seconds(image.createdAt),
      Id: image.id,
      Labels: image.config.config?.Labels ?? null,
      ParentId: '',
      ...(image.manifest ? { Descriptor: image.manifest } : {}),
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
      GraphDriver: { Name: this.#context.rooms.snapshots.driver, Data: null },
      RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
      Metadata: { LastTagTime: image.taggedAt?.toISOString() ?? '0001-01-01T00:00:00Z' },
      ...(image.manifest ? { Descriptor: image.manifest } : {}),
      ...(options.manifests ? this.#manifestsOf(image) : {}),
    };
  }

  async history(name: string, platform?: string): Promise<HistoryItem[]> {
    return this.#context.rooms.images.history(platform ? this.#checked(name, platform).id : name);
  }

  async pull(request: TransferRequest): Promise<void> {
    const reference = withTag(request.image, request.tag);
    const { auth, progress, signal } = request;
    const wanted = request.platform ? parsePlatform(request.platform, ownPlatform()) : undefined;
    await this.#context.rooms.images.pull(reference, {
      ...(wanted ? { platform: wanted } : {}),
      ...(auth ? { auth } : {}),
      progress,
      signal,
    });
    const pulled = withDefaultTag(reference);
    const name = familiar(pulled);
    if (wanted) this.#warnOfPlatform(name, wanted, progress);
    this.#emit('pull', name, familiarName(pulled));
  }

  async push(request: TransferRequest): Promise<void> {
    const reference = withTag(repositoryAlone(request.image, request.tag), request.tag);
    if (reference.digest) throw invalidArgument('cannot push a digest reference');
    const { auth, progress, signal } = request;
    const platform = request.platform ? parsePlatform(request.platform, ownPlatform()) : undefined;
    const name = familiar(reference);
    const image = platform && this.#context.rooms.images.find(name);
    if (image) checkPlatform(name, image, platform);
    await this.#context.rooms.images.push(reference, { ...(auth ? { auth } : {}), progress, signal });
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
    const reference = parseReference(request.image);
    return this.#context.rooms.images.distribution(reference, { ...(auth ? { auth } : {}), signal });
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
    const saved = names.map(name => images.find(name) ?? missingImage(name));
    if (wanted && saved.some(({ config }) => suitability(config, wanted) === 0)) {
      throw notFound(`no suitable export target found for platform ${formatPlatform(wanted)}`);
    }
    const tar = images.save(names);
    for (const { id } of saved) this.#emit('save', id, id);
    return tar;
  }

  async tag(name: string, target: { repository: string; tag?: string }): Promise<void> {
    const reference = withDefaultTag(withTag(target.repository, target.tag));
    await this.#context.rooms.images.tag(name, reference);
    this.#emit('tag', this.#context.rooms.images.get(name).id, familiar(reference));
  }

  async remove(
    name: string,
    options: { force: boolean; noPrune: boolean; platform?: string },
  ): Promise<ImageDeleteItem[]> {
    const { images } = this.#context.rooms;
    const image = images.get(name);
    checkPlatform(name, image, options.platform ? parsePlatform(options.platform, ownPlatform()) : undefined);
    const { id } = image;
    const inUse = (imageId: Digest): ContainerUse[] => this.#usesOf(imageId);
    const items = await images.remove(name, { force: options.force, noprune: options.noPrune, inUse });
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

  /** A registry may have one image only, for whatever platform; dockerd takes that, and says so. */
  #warnOfPlatform(name: string, wanted: Platform, progress: (message: JsonMessage) => void): void {
    try {
      checkPlatform(name, this.#context.rooms.images.get(name), wanted);
    } catch (error) {
      progress({ status: `WARNING: ${messageOf(error)}` });
    }
  }

  /** Of an image's platforms the wanted one that is here. @throws not-found when there is no such image, or it is for another platform */
  #checked(name: string, platform: string | undefined): Image {
    const { images } = this.#context.rooms;
    const image = images.get(name);
    const wanted = platform ? parsePlatform(platform, ownPlatform()) : undefined;
    if (!wanted || suitability(image.config, wanted) > 0) return image;
    const here = images.offers(image).flatMap(offer => offer.image ?? []);
    const other = here.find(({ config }) => suitability(config, wanted) > 0);
    if (!other) checkPlatform(name, image, wanted);
    return other ?? image;
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

function missingImage(name: string): never {
  throw notFound(`No such image: ${name}`);
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

/** `repository` and the tag (or digest) beside it. @throws invalid-argument in Docker's words */
function withTag(repository: string, tag: string | undefined): Reference {
  if (!tag) return parseReference(repository);
  if (!tag.includes(':') && !/^\w[\w.-]{0,127}$/.test(tag)) throw invalidArgument('invalid tag format');
  return parseReference(tag.includes(':') ? `${repository}@${tag}` : `${repository}:${tag}`);
}

/** A name that brings a tag of its own, while another one is asked for. */
function repositoryAlone(name: string, tag: string | undefined): string {
  return tag ? familiarName(parseReference(name)) : name;
}

/** @throws not-found in Docker's words */
function checkPlatform(name: string, { config }: Image, wanted: Platform | undefined): void {
  if (!wanted || suitability(config, wanted) > 0) return;
  const [own, asked] = [config, wanted].map(formatPlatform);
  throw notFound(
    `image with reference ${name} was found but its platform (${own}) does not match the specified platform (${asked})`,
  );
}
