import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { notFound } from '../../contracts/errors.ts';
import { type Descriptor, mediaTypes } from '../../contracts/oci/descriptor.ts';
import { type ChainId, type Digest, hexOf } from '../../contracts/oci/digest.ts';
import type { ImageManifest } from '../../contracts/oci/image-spec.ts';
import { familiar, familiarName, parseReference, type Reference, toText } from '../../contracts/oci/reference.ts';
import type { ContentStore } from '../content/index.ts';
import { ociLayerType } from './archived-images.ts';
import { digestOf } from './chain-ids.ts';
import type { Holds } from './holds.ts';
import { type Image, sameRepository } from './image.ts';
import type { LayerArchives, LayerForm } from './layer-archives.ts';
import { ownPlatform } from './platform.ts';
import { type PlatformImage, platformIndex } from './platform-index.ts';
import { keptManifest } from './push-manifest.ts';

export interface SaveRooms {
  content: ContentStore;
  archives: LayerArchives;
  layerHolds: Holds<ChainId>;
  find(name: string): Image | undefined;
  list(): Image[];
}

/** An image with the names under which it is saved, its layers as they go in, and its manifest as bytes. */
interface SavedImage {
  image: Image;
  references: Reference[];
  layers: LayerForm[];
  manifest: Buffer;
}

interface TarFile {
  name: string;
  time: Date;
  bytes?: Buffer;
  layer?: { size: number; stream(): Readable };
}

const epoch = new Date(0);
const blobName = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

/**
 * An archive that both worlds read: an OCI layout (`index.json`) with Docker's `manifest.json` and `repositories`
 * beside it, as dockerd writes it since 25. Layers go in without packing, but for those that are kept packed: every reader looks.
 */
export function saveImages(names: readonly string[], rooms: SaveRooms): Readable {
  const saved = savedImages(names, rooms);
  return archiveOf(saved, filesOf(saved, rooms.archives), rooms);
}

/** An OCI layout of one index: an image for each platform, under those names. */
export function saveIndex(
  images: readonly PlatformImage[],
  references: readonly Reference[],
  rooms: Pick<SaveRooms, 'content' | 'archives' | 'layerHolds'>,
): Readable {
  const saved = images.map(({ image }) => withManifest(image, rooms));
  const { mediaType, body } = platformIndex(
    saved.map(({ manifest }, place) => ({
      ...descriptorOf(manifest),
      platform: images[place]?.platform ?? ownPlatform(),
    })),
  );
  const index = { mediaType, digest: digestOf(body), size: body.length };
  const files = [
    ...saved.flatMap(each => imageFiles(each, rooms.archives)),
    { name: blobName(index.digest), time: epoch, bytes: body },
    document('index.json', { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: named(index, references) }),
    layoutFile,
  ];
  return archiveOf(saved, files, rooms);
}

function archiveOf(
  saved: readonly SavedImage[],
  files: readonly TarFile[],
  { content, layerHolds }: Pick<SaveRooms, 'content' | 'layerHolds'>,
): Readable {
  const lease = content.lease();
  for (const { image } of saved) for (const { digest } of image.layers) lease.protect(digest);
  const letGo = layerHolds.take(saved.flatMap(({ image }) => image.chainIds));
  const tar = pack();
  void write(tar, files).catch(error => tar.destroy(error));
  tar.once('close', () => {
    letGo();
    lease.release();
  });
  return Readable.from(tar, { objectMode: false });
}

/** An image that is asked for by several names is saved once. */
function savedImages(names: readonly string[], rooms: SaveRooms): SavedImage[] {
  const byId = new Map<Digest, SavedImage>();
  for (const { image, references } of names.flatMap(name => imagesNamed(name, rooms))) {
    const saved = byId.get(image.id) ?? withManifest(image, rooms);
    byId.set(image.id, saved);
    for (const reference of references) if (!saved.references.includes(reference)) saved.references.push(reference);
  }
  return [...byId.values()];
}

/** A tag means itself, a repository all its tags, an id the image without a name. @throws not-found in dockerd's words. */
function imagesNamed(name: string, { find, list }: SaveRooms): { image: Image; references: Reference[] }[] {
  const byId = (): Image => find(name) ?? missing(`No such image: ${name}`);
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) return [{ image: byId(), references: [] }];
  const typed = parseReference(name);
  if (typed.digest) return [{ image: byId(), references: [] }];
  const wanted = (reference: Reference): boolean =>
    typed.tag ? toText(reference) === toText(typed) : sameRepository(reference, typed);
  const named = list().flatMap(image => {
    const references = image.references.filter(wanted);
    return references.length > 0 ? [{ image, references }] : [];
  });
  if (named.length > 0) return named;
  if (typed.tag && !name.startsWith('sha256:')) missing('reference does not exist');
  return [{ image: byId(), references: [] }];
}

function missing(message: string): never {
  throw notFound(message);
}

/** The manifest that it came with, if that is OCI's and names the layers as they go in; else a new one. */
function withManifest(image: Image, { content, archives }: Pick<SaveRooms, 'content' | 'archives'>): SavedImage {
  const layers = image.layers.map(layer => archives.form(layer));
  const kept = keptManifest(image, content);
  const isAsItCame = layers.every(({ digest }, position) => kept?.layers[position]?.digest === digest);
  if (kept?.mediaType === mediaTypes.ociManifest && isAsItCame)
    return { image, references: [], layers, manifest: kept.body };
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.id, size: Buffer.byteLength(image.configText) },
    layers: layers.map(({ digest, size, compression }) => ({ mediaType: ociLayerType(compression), digest, size })),
  };
  return { image, references: [], layers, manifest: Buffer.from(JSON.stringify(manifest)) };
}

async function write(tar: Pack, files: readonly TarFile[]): Promise<void> {
  for (const name of ['blobs/', 'blobs/sha256/']) {
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve());
      tar.entry({ name, type: 'directory', mode: 0o755, mtime: epoch }, done);
    });
  }
  const written = new Set<string>();
  for (const file of files) {
    if (written.has(file.name)) continue;
    written.add(file.name);
    await writeFile(tar, file);
  }
  tar.finalize();
}

const document = (name: string, value: unknown): TarFile => ({
  name,
  time: epoch,
  bytes: Buffer.from(JSON.stringify(value)),
});
const layoutFile = document('oci-layout', { imageLayoutVersion: '1.0.0' });

function imageFiles({ image, layers, manifest }: SavedImage, archives: LayerArchives): TarFile[] {
  return [
    ...image.layers.map((layer, position) => {
      const { digest, size } = layers[position] ?? layer;
      return { name: blobName(digest), time: image.createdAt, layer: { size, stream: () => archives.stream(layer) } };
    }),
    { name: blobName(image.id), time: image.createdAt, bytes: Buffer.from(image.configText) },
    { name: blobName(digestOf(manifest)), time: image.createdAt, bytes: manifest },
  ];
}

function filesOf(images: readonly SavedImage[], archives: LayerArchives): TarFile[] {
  const isNamed = images.some(({ references }) => references.length > 0);
  return [
    ...images.flatMap(image => imageFiles(image, archives)),
    document('index.json', indexOf(images)),
    document('manifest.json', images.map(dockerManifest)),
    layoutFile,
    ...(isNamed ? [document('repositories', repositoriesOf(images))] : []),
  ];
}

async function writeFile(tar: Pack, { name, time, layer, bytes = Buffer.alloc(0) }: TarFile): Promise<void> {
  const entry = tar.entry({ name, size: layer?.size ?? bytes.length, mode: 0o644, mtime: time });
  await pipeline(layer?.stream() ?? Readable.from([bytes]), entry);
}

function indexOf(images: readonly SavedImage[]) {
  const manifests = images.flatMap(({ manifest, references }) => named(descriptorOf(manifest), references));
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

const descriptorOf = (manifest: Buffer): Descriptor => ({
  mediaType: mediaTypes.ociManifest,
  digest: digestOf(manifest),
  size: manifest.length,
});

/** The same for each of its names, or once for what has none. */
const named = (descriptor: Descriptor, references: readonly Reference[]): Descriptor[] =>
  references.length === 0
    ? [descriptor]
    : references.map(reference => ({
        ...descriptor,
        annotations: {
          'io.containerd.image.name': toText(reference),
          'org.opencontainers.image.ref.name': reference.tag ?? '',
        },
      }));

function dockerManifest({ image, references, layers }: SavedImage) {
  const sources = layers.map(({ digest, size, compression }, position) => [
    image.config.rootfs.diff_ids[position],
    { mediaType: ociLayerType(compression), size, digest },
  ]);
  return {
    Config: blobName(image.id),
    RepoTags: references.length > 0 ? references.map(familiar) : null,
    Layers: layers.map(({ digest }) => blobName(digest)),
    LayerSources: Object.fromEntries(sources),
  };
}

function repositoriesOf(images: readonly SavedImage[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, references, layers } of images) {
    const top = layers.at(-1)?.digest ?? image.id;
    for (const reference of references) {
      const tags = repositories[familiarName(reference)] ?? {};
      repositories[familiarName(reference)] = { ...tags, [reference.tag ?? '']: hexOf(top) };
    }
  }
  return repositories;
}
