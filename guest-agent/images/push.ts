import type { Readable } from 'node:stream';
import type { AuthConfig } from '../../contracts/docker/common.ts';
import { cancelled, notFound } from '../../contracts/errors.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { ChainId, DiffId, Digest } from '../../contracts/oci/digest.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { familiar, familiarName, type Reference, repositoryOf, toText } from '../../contracts/oci/reference.ts';
import type { Archive } from '../archive/index.ts';
import type { ContentStore, Lease } from '../content/index.ts';
import type { Registry } from '../registry/index.ts';
import type { Snapshots } from '../snapshots/index.ts';
import { digestOf } from './chain-ids.ts';
import type { Holds } from './holds.ts';
import type { LayerBlob } from './image.ts';
import type { ImageIndex } from './image-index.ts';
import { LayerArchives, type LayerForm } from './layer-archives.ts';
import { LayerUploads, type UploadRooms } from './layer-uploads.ts';
import { knownForms, PackedLayers } from './packed-layers.ts';
import { type PlatformImage, platformIndex } from './platform-index.ts';
import { imagesOf } from './platforms-record.ts';
import type { Progress } from './progress.ts';
import { pushError } from './pull-errors.ts';
import { choosePushed } from './push-choice.ts';
import { ImageSender, type Sending, type SentManifest } from './send-image.ts';
import { statementDocuments } from './statements.ts';

export interface PushOptions {
  /** Only that one of several. */
  platform?: Platform;
  auth?: Partial<AuthConfig>;
  progress: Progress;
  signal: AbortSignal;
}

/** Layers and a document about them that is no image's configuration: a build's cache. */
export interface PushedLayers extends PushOptions {
  /** Each layer once; the archive that it is, not packed, is what its lines begin with. */
  layers: readonly { layer: LayerBlob; diffId: DiffId }[];
  /** The document and the manifest that names it and the layers, as the registry has them. */
  describe(forms: readonly LayerForm[]): { document: Buffer; manifest: { mediaType: string; body: Buffer } };
}

/** A layer as it is packed, all of it. */
export interface WholeLayer {
  form: LayerForm;
  open(): Readable;
  close(): Promise<void>;
}

export interface PushRooms extends UploadRooms {
  registry: Registry;
  content: ContentStore;
  snapshots: Snapshots;
  archive: Archive;
  index: ImageIndex;
  /** The engine's own. */
  platform: Platform;
  /** Layers that must stay, whatever becomes of their image. */
  layerHolds: Holds<ChainId>;
}

/** One push of one tag. */
type Push = PushOptions & Sending;

/** Brings images to registries: what a registry has already is not sent, and its digests are those of a pull before. */
export class Pusher {
  readonly #rooms: PushRooms;
  readonly #uploads: LayerUploads;
  readonly #packed: PackedLayers;
  readonly #sender: ImageSender;

  constructor(rooms: PushRooms) {
    this.#rooms = rooms;
    this.#uploads = new LayerUploads(rooms);
    this.#packed = new PackedLayers(rooms.content, new LayerArchives(rooms));
    this.#sender = new ImageSender({ ...rooms, uploads: this.#uploads, packed: this.#packed });
  }

  /** The tag, or without one all tags of the repository. @throws in dockerd's words. */
  async push(reference: Reference, options: PushOptions): Promise<void> {
    const { progress, signal, auth } = options;
    progress({ status: `The push refers to repository [${toText(repositoryOf(reference))}]` });
    const tags = this.#tagsOf(reference);
    const repository = this.#rooms.registry.repository(reference, auth, 'push');
    for (const { tag, id } of tags) {
      const { images } = this.#rooms.index.state;
      const layers = imagesOf(this.#rooms.index.state, id).flatMap(image => images.get(image)?.layers ?? []);
      const one = { ...options, reference: { ...repositoryOf(reference), tag }, repository };
      await this.#guarded(layers, signal, lease => this.#pushTag({ ...one, lease }, id));
    }
  }

  /** Nothing is swept of what is being sent. @throws in dockerd's words */
  async #guarded<T>(
    layers: readonly Pick<LayerBlob, 'chainId' | 'digest'>[],
    signal: AbortSignal,
    work: (lease: Lease) => Promise<T>,
  ): Promise<T> {
    const lease = this.#rooms.content.lease();
    const letGo = this.#rooms.layerHolds.take(layers.map(({ chainId }) => chainId));
    for (const { digest } of layers) lease.protect(digest);
    try {
      return await work(lease);
    } catch (error) {
      if (signal.aborted) throw cancelled('context canceled', { cause: error });
      throw pushError(error);
    } finally {
      letGo();
      lease.release();
    }
  }

  /** A layer's archive as registries get it, to its end; the caller closes it. */
  async packLayer(layer: LayerBlob, signal: AbortSignal): Promise<WholeLayer> {
    const { source, blob, close } = await this.#packed.pack(layer, signal);
    try {
      const [whole, form] = await Promise.all(['whole' in source ? source.whole : source, blob]);
      return { form, open: () => whole.open(0, whole.size), close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Under the reference's tag. @throws in dockerd's words */
  pushLayers(reference: Reference, { layers, describe, auth, ...task }: PushedLayers): Promise<void> {
    const { content } = this.#rooms;
    const { signal } = task;
    const repository = this.#rooms.registry.repository(reference, auth, 'push');
    const blobs = layers.map(({ layer }) => layer);
    return this.#guarded(blobs, signal, async lease => {
      const pack = this.#packed.inTurn();
      const outgoing = layers.map(({ layer, diffId }) => ({
        diffId: diffId as Digest,
        known: knownForms(layer, undefined),
        pack: (stop: AbortSignal) => pack(layer, stop),
      }));
      const sourceOf = (digest: Digest): string | undefined => this.#sender.sourceOf(digest, reference);
      const forms = await this.#uploads.layers(outgoing, { repository, sourceOf, ...task });
      const { document, manifest } = describe(forms);
      const digest = digestOf(document);
      lease.protect(digest);
      await content.put(document);
      await this.#uploads.document(digest, { repository, signal });
      await this.#uploads.manifest(reference.tag ?? 'latest', manifest, { repository, signal });
    });
  }

  /** An index of images, one a platform, under the reference's tag. Resolves with its digest. @throws in dockerd's words */
  pushIndex(reference: Reference, images: readonly PlatformImage[], options: PushOptions): Promise<Digest> {
    const { auth, signal } = options;
    const repository = this.#rooms.registry.repository(reference, auth, 'push');
    const blobs = images.flatMap(({ image }) => image.layers);
    return this.#guarded(blobs, signal, async lease => {
      await repository.connect(signal);
      const manifests: Descriptor[] = [];
      const statements: Descriptor[] = [];
      for (const { image, platform, statement } of images) {
        const push = { ...options, reference, repository, lease, isOci: statement !== undefined };
        const manifest = await this.#sender.image(push, image.id);
        const digest = digestOf(manifest.body);
        await this.#uploads.manifest(digest, manifest, { repository, signal });
        manifests.push({ mediaType: manifest.mediaType, digest, size: manifest.body.length, platform });
        if (statement) statements.push(await this.#sender.statement(push, statementDocuments(statement, digest)));
      }
      const index = platformIndex([...manifests, ...statements]);
      await this.#uploads.manifest(reference.tag ?? 'latest', index, { repository, signal });
      return digestOf(index.body);
    });
  }

  #tagsOf(reference: Reference): { tag: string; id: Digest }[] {
    const tags: { tag: string; id: Digest }[] = [];
    const prefix = `${toText(repositoryOf(reference))}:`;
    for (const [text, id] of this.#rooms.index.state.references) {
      if (text.startsWith(prefix) && !text.includes('@')) tags.push({ tag: text.slice(prefix.length), id });
    }
    if (tags.length === 0) {
      throw notFound(`An image does not exist locally with the tag: ${familiarName(reference)}`);
    }
    if (!reference.tag) return tags.sort((a, b) => (a.tag < b.tag ? -1 : 1));
    const wanted = tags.filter(({ tag }) => tag === reference.tag);
    if (wanted.length === 0) throw notFound(`tag does not exist: ${familiarName(reference)}:${reference.tag}`);
    return wanted;
  }

  async #pushTag(push: Push, target: Digest): Promise<void> {
    const { reference, repository, progress, signal, platform } = push;
    const platforms = this.#rooms.index.state.platforms.get(target);
    await repository.connect(signal);
    const chosen =
      platforms && choosePushed(platforms, { ...this.#rooms, name: familiar(reference), wanted: platform });
    const sent =
      platforms && !chosen
        ? await this.#sender.index(push, platforms)
        : await this.#sender.image(push, chosen?.id ?? target);
    await this.#name(push, sent);
    if (!chosen) return this.#remember(reference, target, digestOf(sent.body));
    if (!platforms || platform) return;
    const selectedManifest = { mediaType: sent.mediaType, digest: digestOf(sent.body), size: sent.body.length };
    const note = { manifestPushedInsteadOfIndex: true, originalIndex: platforms.descriptor, selectedManifest };
    progress({ progressDetail: {}, aux: note });
  }

  /** The tag means that manifest from now on, and says so. */
  async #name({ reference, repository, progress, signal }: Push, { mediaType, body }: SentManifest): Promise<void> {
    const { tag = '' } = reference;
    await this.#uploads.manifest(tag, { mediaType, body }, { repository, signal });
    const digest = digestOf(body);
    const size = body.length;
    progress({ status: `${tag}: digest: ${digest} size: ${size}` });
    progress({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
  }

  /** From now on the image, or the index, is known by that digest, too. */
  #remember(reference: Reference, target: Digest, digest: Digest): Promise<void> {
    return this.#rooms.index.update(draft => {
      if (!draft.images.has(target) && !draft.platforms.has(target)) return;
      draft.references.set(toText({ ...repositoryOf(reference), digest }), target);
    });
  }
}
