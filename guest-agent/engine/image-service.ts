import type { Readable } from 'node:stream';
import type { AuthConfig, JsonMessage } from '../../contracts/docker/common.ts';
import type { ContainerConfig } from '../../contracts/docker/containers.ts';
import type {
  HistoryItem,
  ImageDeleteItem,
  ImageInspect,
  ImagePruneReport,
  ImageSummary,
} from '../../contracts/docker/images.ts';
import { invalidArgument, notFound } from '../../contracts/errors.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import { familiar, parseReference, type Reference, withDefaultTag } from '../../contracts/oci/reference.ts';
import { type ContainerUse, type Image, ownPlatform, parsePlatform } from '../images/index.ts';
import type { EngineContext } from './context.ts';
import type { Filters, ImagesService } from './engine.ts';

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
      RepoDigests: image.repoDigests,
      RepoTags: image.references.map(familiar),
      SharedSize: query.sharedSize ? images.sharedSize(image) : -1,
      Size: image.size,
    }));
  }

  async inspect(name: string, options: { platform?: string } = {}): Promise<ImageInspect> {
    const image = this.#context.rooms.images.get(name);
    const { config } = image;
    checkPlatform(name, image, options.platform);
    return {
      Id: image.id,
      RepoTags: image.references.map(familiar),
      RepoDigests: image.repoDigests,
      Parent: '',
      Comment: config.history?.at(-1)?.comment ?? '',
      Created: config.created ?? undefined,
      DockerVersion: '',
      Author: config.author ?? '',
      Config: (config.config as ContainerConfig | undefined) ?? null,
      Architecture: config.architecture,
      ...(config.variant ? { Variant: config.variant } : {}),
      Os: config.os,
      Size: image.size,
      GraphDriver: { Name: 'overlay2', Data: null },
      RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
      Metadata: { LastTagTime: image.taggedAt?.toISOString() ?? '0001-01-01T00:00:00Z' },
      ...(image.manifest ? { Descriptor: image.manifest } : {}),
    };
  }

  async history(name: string): Promise<HistoryItem[]> {
    return this.#context.rooms.images.history(name);
  }

  async pull(request: {
    image: string;
    tag?: string;
    platform?: string;
    auth?: AuthConfig;
    progress: (message: JsonMessage) => void;
    signal: AbortSignal;
  }): Promise<void> {
    const reference = withTag(request.image, request.tag);
    const { platform, auth, progress, signal } = request;
    await this.#context.rooms.images.pull(reference, {
      ...(platform ? { platform: parsePlatform(platform, ownPlatform()) } : {}),
      ...(auth ? { auth } : {}),
      progress,
      signal,
    });
    const name = familiar(withDefaultTag(reference));
    this.#emit('pull', name, name);
  }

  async load(
    tar: Readable,
    options: { quiet: boolean; progress: (message: JsonMessage) => void; signal: AbortSignal },
  ): Promise<void> {
    for (const image of await this.#context.rooms.images.load(tar, options))
      this.#emit('load', image.id, nameOf(image));
  }

  async save(names: readonly string[]): Promise<Readable> {
    const missing = names.find(name => !this.#context.rooms.images.find(name));
    if (missing) throw notFound(`No such image: ${missing}`);
    const tar = this.#context.rooms.images.save(names);
    for (const name of names) {
      const { id } = this.#context.rooms.images.get(name);
      this.#emit('save', id, id);
    }
    return tar;
  }

  async tag(name: string, target: { repository: string; tag?: string }): Promise<void> {
    const reference = withDefaultTag(withTag(target.repository, target.tag));
    await this.#context.rooms.images.tag(name, reference);
    this.#emit('tag', this.#context.rooms.images.get(name).id, familiar(reference));
  }

  async remove(name: string, options: { force: boolean; noPrune: boolean }): Promise<ImageDeleteItem[]> {
    const { images } = this.#context.rooms;
    const { id } = images.get(name);
    const inUse = (imageId: Digest): ContainerUse[] => this.#usesOf(imageId);
    const items = await images.remove(name, { force: options.force, noprune: options.noPrune, inUse });
    this.#emitRemoval(id, items);
    return items;
  }

  async prune(filters: Filters): Promise<ImagePruneReport> {
    const report = await this.#context.rooms.images.prune(filters, id => this.#usesOf(id));
    for (const item of report.deleted) if ('Deleted' in item) this.#emit('delete', item.Deleted, item.Deleted);
    this.#context.events.emit({
      type: 'image',
      action: 'prune',
      id: '',
      attributes: { reclaimed: String(report.spaceReclaimed) },
    });
    return { ImagesDeleted: report.deleted.length > 0 ? report.deleted : null, SpaceReclaimed: report.spaceReclaimed };
  }

  #usesOf(id: Digest): ContainerUse[] {
    return this.#context.index
      .all()
      .filter(({ record }) => record.image.id === id)
      .map(container => ({ id: container.id, running: container.live !== undefined }));
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

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

const nameOf = (image: Image): string => {
  const [first] = image.references;
  return first ? familiar(first) : image.id;
};

/** `repository` and the tag (or digest) beside it. @throws invalid-argument in Docker's words */
function withTag(repository: string, tag: string | undefined): Reference {
  if (!tag) return parseReference(repository);
  if (!tag.includes(':') && !/^\w[\w.-]{0,127}$/.test(tag)) throw invalidArgument('invalid tag format');
  return parseReference(tag.includes(':') ? `${repository}@${tag}` : `${repository}:${tag}`);
}

function checkPlatform(name: string, { config }: Image, platform: string | undefined): void {
  if (!platform) return;
  const wanted = parsePlatform(platform, ownPlatform());
  if (wanted.os === config.os && wanted.architecture === config.architecture) return;
  throw notFound(`image with reference ${name} was found but does not provide the specified platform (${platform})`);
}
