import { notFound } from '../../contracts/errors.ts';
import { type Descriptor, isIndexType } from '../../contracts/oci/descriptor.ts';
import type { ChainId, Digest } from '../../contracts/oci/digest.ts';
import type { Reference } from '../../contracts/oci/reference.ts';
import type { ContentStore, Lease } from '../content/index.ts';
import type { Repository } from '../registry/index.ts';
import { digestOf } from './chain-ids.ts';
import type { ImageRecord } from './image.ts';
import type { ImageIndex } from './image-index.ts';
import { blobsNamedIn, entriesOf, indexOfNow, isStatement } from './index-documents.ts';
import type { LayerForm } from './layer-archives.ts';
import type { LayerUploads } from './layer-uploads.ts';
import { parseConfig } from './manifests.ts';
import { knownForms, type PackedLayers } from './packed-layers.ts';
import type { PlatformsRecord } from './platforms-record.ts';
import type { Progress } from './progress.ts';
import { keptManifest, madeManifest, type PushedManifest } from './push-manifest.ts';
import { restated } from './restated.ts';
import type { StatementDocuments } from './statements.ts';

/** Where something is sent to. */
export interface Sending {
  reference: Reference;
  repository: Repository;
  lease: Lease;
  progress: Progress;
  signal: AbortSignal;
  /** Its manifest is OCI's, whatever else it could be. */
  isOci?: boolean;
}

export type SentManifest = Pick<PushedManifest, 'mediaType' | 'body'>;

interface Rooms {
  content: ContentStore;
  index: ImageIndex;
  uploads: LayerUploads;
  packed: PackedLayers;
}

/** Sends all that an image, an index or a statement names, and says by what manifest: its caller gives that a name. */
export class ImageSender {
  readonly #rooms: Rooms;

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
  }

  async image(sending: Sending, id: Digest): Promise<PushedManifest> {
    const { repository, lease, signal } = sending;
    const record = this.#rooms.index.state.images.get(id);
    if (!record) throw notFound(`No such image: ${id}`);
    for (const digest of [id, ...record.layers.map(layer => layer.digest)]) lease.protect(digest);
    if (record.manifest) lease.protect(record.manifest.digest);
    const manifest = await this.#layersOf(record, sending);
    await this.#rooms.uploads.document(manifest.config.digest, { repository, signal });
    return manifest;
  }

  /** Sends the layers, and says how they are to be named. */
  async #layersOf(record: ImageRecord, sending: Sending): Promise<PushedManifest> {
    const { reference, repository, progress, signal, isOci = false } = sending;
    const { content, uploads, packed } = this.#rooms;
    const sourceOf = (digest: Digest): string | undefined => this.sourceOf(digest, reference);
    const diffIds = parseConfig(content.readSync(record.id)).rootfs.diff_ids;
    const kept = keptManifest(record, content);
    const pack = packed.inTurn();
    const layers = record.layers.map((layer, position) => ({
      diffId: diffIds[position] ?? layer.digest,
      known: knownForms(layer, kept?.layers[position]),
      pack: (stop: AbortSignal) => pack(layer, stop),
    }));
    const forms = await uploads.layers(layers, { repository, progress, signal, sourceOf });
    await this.#rememberForms(record, forms);
    const isAsItCame = kept && forms.every(({ digest }, position) => kept.layers[position]?.digest === digest);
    return isAsItCame ? kept : madeManifest(record.id, content, forms, isOci);
  }

  /** Where an image is packed in another way than it was, the index names that, and statements follow it. */
  async index(sending: Sending, record: PlatformsRecord, descriptor = record.descriptor): Promise<SentManifest> {
    const { repository, signal, lease } = sending;
    const { mediaType, digest } = descriptor;
    lease.protect(digest);
    const body = this.#rooms.content.readSync(digest);
    const now = new Map<Digest, Descriptor>();
    const entries = entriesOf(body, mediaType);
    for (const entry of [...entries.filter(other => !isStatement(other)), ...entries.filter(isStatement)]) {
      if (now.has(entry.digest)) continue; // it names that once more
      const sent = await this.#entry(sending, { record, entry, now });
      const named = digestOf(sent.body);
      await this.#rooms.uploads.manifest(named, sent, { repository, signal });
      now.set(entry.digest, { mediaType: sent.mediaType, digest: named, size: sent.body.length });
    }
    return { mediaType, body: indexOfNow(body, now) };
  }

  async #entry(
    sending: Sending,
    { record, entry, now }: { record: PlatformsRecord; entry: Descriptor; now: ReadonlyMap<Digest, Descriptor> },
  ): Promise<SentManifest> {
    const { content } = this.#rooms;
    const { mediaType, digest } = entry;
    if (isIndexType(mediaType)) return this.index(sending, record, entry);
    const member = record.members.find(({ manifest }) => manifest === digest);
    if (member) return this.image(sending, member.id);
    const body = content.readSync(digest);
    const { manifest, blobs } = isStatement(entry) ? restated(body, now, content) : { manifest: body, blobs: [] };
    for (const blob of blobs) await this.#put(sending, blob);
    for (const named of blobsNamedIn(manifest)) await this.#document(sending, named.digest);
    return { mediaType, body: manifest };
  }

  async #put({ lease }: Sending, blob: Buffer): Promise<Digest> {
    const digest = digestOf(blob);
    lease.protect(digest);
    await this.#rooms.content.put(blob);
    return digest;
  }

  async #document({ repository, signal, lease }: Sending, digest: Digest): Promise<void> {
    lease.protect(digest);
    await this.#rooms.uploads.document(digest, { repository, signal });
  }

  async statement(sending: Sending, { descriptor, manifest, blobs }: StatementDocuments): Promise<Descriptor> {
    const { repository, signal } = sending;
    for (const blob of blobs) await this.#document(sending, await this.#put(sending, blob));
    const { mediaType, digest } = descriptor;
    await this.#rooms.uploads.manifest(digest, { mediaType, body: manifest }, { repository, signal });
    return descriptor;
  }

  /** A repository of the same registry that should have the blob. */
  sourceOf(digest: Digest, { domain, path }: Reference): string | undefined {
    const { images } = this.#rooms.index.state;
    for (const { id, layers } of images.values()) {
      if (!layers.some(layer => layer.digest === digest || layer.packed?.digest === digest)) continue;
      const names = this.#rooms.index.namesOf(id);
      const name = names.find(other => other.digest && other.domain === domain && other.path !== path);
      if (name) return name.path;
    }
    return undefined;
  }

  /** So that the next push finds what this one has made. */
  async #rememberForms({ layers }: ImageRecord, forms: readonly LayerForm[]): Promise<void> {
    const packed = new Map<ChainId, LayerForm>();
    for (const [position, { digest, mediaType, size, compression }] of forms.entries()) {
      const layer = layers[position];
      if (!layer || layer.digest === digest || layer.packed?.digest === digest) continue;
      packed.set(layer.chainId, { digest, mediaType, size, compression });
    }
    if (packed.size === 0) return;
    await this.#rooms.index.update(draft => {
      for (const [id, record] of draft.images) {
        if (!record.layers.some(({ chainId }) => packed.has(chainId))) continue;
        const known = record.layers.map(layer => ({ ...layer, packed: packed.get(layer.chainId) ?? layer.packed }));
        draft.images.set(id, { ...record, layers: known });
      }
    });
  }
}
