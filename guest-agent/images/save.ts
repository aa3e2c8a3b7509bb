import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { type Descriptor, mediaTypes } from '../../contracts/oci/descriptor.ts';
import { type ChainId, type Digest, hexOf } from '../../contracts/oci/digest.ts';
import { familiar, familiarName, type Reference, toText } from '../../contracts/oci/reference.ts';
import type { ContentStore } from '../content/index.ts';
import { ociLayerType } from './archived-images.ts';
import { digestOf } from './chain-ids.ts';
import type { Holds } from './holds.ts';
import { indexOfImages } from './keep-index.ts';
import type { LayerArchives } from './layer-archives.ts';
import { blobName } from './layout-images.ts';
import type { PlatformImage } from './platform-index.ts';
import { type SavedEntry, type SavedImage, type SaveRooms, savedEntries } from './saved-entries.ts';

interface ArchiveRooms {
  content: ContentStore;
  archives: LayerArchives;
  layerHolds: Holds<ChainId>;
}

interface TarFile {
  name: string;
  time: Date;
  bytes?: Buffer;
  layer?: { size: number; stream(): Readable };
}

const epoch = new Date(0);

/**
 * An archive that both worlds read: an OCI layout (`index.json`) with Docker's `manifest.json` and `repositories`
 * beside it, as dockerd writes it since 25. Layers go in without packing, but for those that are kept packed: every reader looks.
 */
export function saveImages(names: readonly string[], rooms: SaveRooms & ArchiveRooms): Readable {
  const entries = savedEntries(names, rooms);
  return archiveOf(entries, [...filesOf(entries, rooms), ...dockerFiles(entries)], rooms);
}

/** An OCI layout of one index: an image for each platform, under those names. */
export function saveIndex(
  images: readonly PlatformImage[],
  references: readonly Reference[],
  rooms: ArchiveRooms,
): Readable {
  const { saved, descriptor, body, statements } = indexOfImages(images, rooms);
  const documents = [body, ...statements];
  const entries = [{ images: saved, descriptor, references: [...references], documents, blobs: [] }];
  return archiveOf(entries, filesOf(entries, rooms), rooms);
}

function archiveOf(
  entries: readonly SavedEntry[],
  files: readonly TarFile[],
  { content, layerHolds }: ArchiveRooms,
): Readable {
  const images = entries.flatMap(entry => entry.images.map(({ image }) => image));
  const lease = content.lease();
  for (const { digest } of images.flatMap(({ layers }) => layers)) lease.protect(digest);
  for (const digest of entries.flatMap(({ blobs }) => blobs)) lease.protect(digest);
  const letGo = layerHolds.take(images.flatMap(({ chainIds }) => chainIds));
  const tar = pack();
  void write(tar, files).catch(error => tar.destroy(error));
  tar.once('close', () => {
    letGo();
    lease.release();
  });
  return Readable.from(tar, { objectMode: false });
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
const documentBlob = (bytes: Buffer): TarFile => ({ name: blobName(digestOf(bytes)), time: epoch, bytes });

function keptBlob(digest: Digest, content: ContentStore): TarFile {
  const layer = { size: content.sizeOf(digest), stream: () => content.stream(digest) };
  return { name: blobName(digest), time: epoch, layer };
}

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

/** An OCI layout. */
function filesOf(entries: readonly SavedEntry[], { archives, content }: ArchiveRooms): TarFile[] {
  const manifests = entries.flatMap(({ descriptor, references }) => named(descriptor, references));
  return [
    ...entries.flatMap(({ images }) => images.flatMap(image => imageFiles(image, archives))),
    ...entries.flatMap(({ documents }) => documents.map(documentBlob)),
    ...entries.flatMap(({ blobs }) => blobs.map(digest => keptBlob(digest, content))),
    document('index.json', { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
    layoutFile,
  ];
}

/** What makes it an archive of Docker's, too. */
function dockerFiles(entries: readonly SavedEntry[]): TarFile[] {
  const isNamed = entries.some(({ references }) => references.length > 0);
  return [
    document('manifest.json', entries.flatMap(dockerManifest)),
    ...(isNamed ? [document('repositories', repositoriesOf(entries))] : []),
  ];
}

async function writeFile(tar: Pack, { name, time, layer, bytes = Buffer.alloc(0) }: TarFile): Promise<void> {
  const entry = tar.entry({ name, size: layer?.size ?? bytes.length, mode: 0o644, mtime: time });
  await pipeline(layer?.stream() ?? Readable.from([bytes]), entry);
}

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

function dockerManifest({ images: [face], references }: SavedEntry) {
  if (!face) return [];
  const { image, layers } = face;
  const sources = layers.map(({ digest, size, compression }, position) => [
    image.config.rootfs.diff_ids[position],
    { mediaType: ociLayerType(compression), size, digest },
  ]);
  return [
    {
      Config: blobName(image.id),
      RepoTags: references.length > 0 ? references.map(familiar) : null,
      Layers: layers.map(({ digest }) => blobName(digest)),
      LayerSources: Object.fromEntries(sources),
    },
  ];
}

function repositoriesOf(entries: readonly SavedEntry[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { images, references } of entries) {
    const top = images[0]?.layers.at(-1)?.digest ?? images[0]?.image.id;
    for (const reference of references) {
      const tags = repositories[familiarName(reference)] ?? {};
      if (top) repositories[familiarName(reference)] = { ...tags, [reference.tag ?? '']: hexOf(top) };
    }
  }
  return repositories;
}
