import { EngineError, invalidArgument } from '../../contracts/errors.ts';
import { type Compression, compressionOf, type Descriptor, mediaTypes } from '../../contracts/oci/descriptor.ts';
import { type Digest, hexOf } from '../../contracts/oci/digest.ts';
import type { ImageConfig, ImageManifest, Platform } from '../../contracts/oci/image-spec.ts';
import { isTag, parseReference, type Reference, repositoryOf, withDefaultTag } from '../../contracts/oci/reference.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { digestOf } from './chain-ids.ts';
import { chooseManifest, parseConfig, parseManifest } from './manifests.ts';

/** A packed layer in an archive. */
export interface ArchivedLayer {
  /** In the archive. */
  name: string;
  mediaType(compression: Compression): string;
}

/** One image of an archive. */
export interface ArchivedImage {
  id: Digest;
  config: ImageConfig;
  configBytes: Buffer;
  layers: ArchivedLayer[];
  references: Reference[];
  /** The manifest that it travelled with, where a registry would take it as it is. */
  manifest?: { descriptor: Descriptor; bytes: Buffer };
}

const annotations = {
  /** The whole name: containerd's word. */
  name: 'io.containerd.image.name',
  /** A tag, or with some tools a whole name. */
  refName: 'org.opencontainers.image.ref.name',
};

/** The images of a docker-archive (`manifest.json`) or else of an OCI layout (`index.json`). */
export async function imagesIn(files: ArchiveFiles, platform: Platform): Promise<ArchivedImage[]> {
  if (files.find('manifest.json')) return dockerImages(files);
  if (files.find('index.json')) return ociImages(files, platform);
  throw invalidArgument('open manifest.json: no such file or directory');
}

interface DockerManifest {
  Config: string;
  RepoTags?: string[] | null;
  Layers?: string[] | null;
}

async function dockerImages(files: ArchiveFiles): Promise<ArchivedImage[]> {
  const images: ArchivedImage[] = [];
  const travelled = await manifestsBeside(files);
  for (const manifest of dockerManifests(await files.readDocument('manifest.json'))) {
    const configBytes = await files.readDocument(manifest.Config);
    const layers = (manifest.Layers ?? []).map(name => ({ name, mediaType: ociLayerType }));
    const references = (manifest.RepoTags ?? []).map(tag => withDefaultTag(parseReference(tag)));
    const id = digestOf(configBytes);
    const known = travelled.get(id);
    const config = parseConfig(configBytes);
    images.push({ id, config, configBytes, layers, references, ...(known ? { manifest: known } : {}) });
  }
  return images;
}

/** By configuration: the manifests of the OCI layout that newer archives are as well. One that cannot be read is none. */
async function manifestsBeside(files: ArchiveFiles): Promise<Map<Digest, ArchivedImage['manifest']>> {
  const found = new Map<Digest, ArchivedImage['manifest']>();
  if (!files.find('index.json')) return found;
  try {
    const index = parseManifest(await files.readDocument('index.json'), mediaTypes.ociIndex);
    for (const { digest, mediaType } of index.kind === 'index' ? index.index.manifests : []) {
      const bytes = await readBlob(files, digest);
      const document = parseManifest(bytes, mediaType);
      if (document.kind === 'manifest')
        found.set(document.manifest.config.digest, travelling(document.manifest, bytes, mediaType));
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
  return found;
}

/** Layers that are not packed are packed for a registry, and then it is another manifest. */
function travelling(manifest: ImageManifest, bytes: Buffer, mediaType: string): ArchivedImage['manifest'] {
  if (manifest.layers.some(layer => compressionOf(layer.mediaType) === 'none')) return undefined;
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

const isTextList = (value: unknown): value is string[] | null | undefined =>
  value === undefined || value === null || (Array.isArray(value) && value.every(item => typeof item === 'string'));

function dockerManifests(bytes: Buffer): DockerManifest[] {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw invalidArgument(`invalid manifest.json: ${(error as Error).message}`, { cause: error });
  }
  const good = (item: Partial<DockerManifest> | null): boolean =>
    typeof item?.Config === 'string' && isTextList(item.RepoTags) && isTextList(item.Layers);
  if (!Array.isArray(value) || !value.every(good)) throw invalidArgument('invalid manifest.json');
  return value as DockerManifest[];
}

async function ociImages(files: ArchiveFiles, platform: Platform): Promise<ArchivedImage[]> {
  const index = parseManifest(await files.readDocument('index.json'), mediaTypes.ociIndex);
  if (index.kind !== 'index') throw invalidArgument('invalid index.json');
  const images = new Map<Digest, ArchivedImage>();
  for (const descriptor of index.index.manifests) {
    const found = await ociManifest(files, { digest: descriptor.digest, type: descriptor.mediaType, platform });
    const image = await ociImage(files, found);
    const known = images.get(image.id) ?? image;
    known.references.push(...referencesIn(descriptor.annotations));
    images.set(image.id, known);
  }
  return [...images.values()];
}

const blobName = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

async function readBlob(files: ArchiveFiles, digest: Digest): Promise<Buffer> {
  const bytes = await files.readDocument(blobName(digest));
  if (digestOf(bytes) !== digest) throw invalidArgument(`invalid archive: ${blobName(digest)} has another digest`);
  return bytes;
}

async function ociManifest(
  files: ArchiveFiles,
  { digest, type, platform }: { digest: Digest; type: string; platform: Platform },
): Promise<{ manifest: ImageManifest; bytes: Buffer; type: string }> {
  const bytes = await readBlob(files, digest);
  const document = parseManifest(bytes, type);
  if (document.kind === 'manifest') return { manifest: document.manifest, bytes, type };
  const chosen = chooseManifest(document.index, platform);
  const inner = await readBlob(files, chosen.digest);
  const choice = parseManifest(inner, chosen.mediaType);
  if (choice.kind === 'index') throw invalidArgument('an index inside an index is not supported');
  return { manifest: choice.manifest, bytes: inner, type: chosen.mediaType };
}

async function ociImage(
  files: ArchiveFiles,
  { manifest, bytes, type }: { manifest: ImageManifest; bytes: Buffer; type: string },
): Promise<ArchivedImage> {
  const configBytes = await readBlob(files, manifest.config.digest);
  const layers = manifest.layers.map(({ digest, mediaType }) => ({
    name: blobName(digest),
    mediaType: () => mediaType,
  }));
  const known = travelling(manifest, bytes, type);
  const config = parseConfig(configBytes);
  const image = { id: manifest.config.digest, config, configBytes, layers, references: [] };
  return known ? { ...image, manifest: known } : image;
}

/** A bare tag names nothing: which repository it belongs to, only the user knew. */
function referencesIn(notes: Record<string, string> = {}): Reference[] {
  const whole = notes[annotations.name] ?? notes[annotations.refName];
  if (!whole) return [];
  if (!notes[annotations.name] && isTag(whole)) return [];
  const reference = parseReference(whole);
  return [reference.digest ? withDefaultTag(repositoryOf(reference)) : withDefaultTag(reference)];
}

/** The OCI media type of a layer that is packed so. */
export function ociLayerType(compression: Compression): string {
  switch (compression) {
    case 'gzip':
      return mediaTypes.ociLayerGzip;
    case 'zstd':
      return mediaTypes.ociLayerZstd;
    case 'none':
      return mediaTypes.ociLayer;
  }
}
