import { EngineError, invalidArgument } from '../../contracts/errors.ts';
import { type Compression, type Descriptor, isIndexType, mediaTypes } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ImageConfig, Platform } from '../../contracts/oci/image-spec.ts';
import { parseReference, type Reference, withDefaultTag } from '../../contracts/oci/reference.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { digestOf } from './chain-ids.ts';
import { entriesOfLayout, layoutImages, readBlob, travelling } from './layout-images.ts';
import { parseConfig, parseManifest } from './manifests.ts';
import type { PlatformsRecord } from './platforms-record.ts';

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
  /** The manifest that it travelled with, where a registry would take it as it is. */
  manifest?: { descriptor: Descriptor; bytes: Buffer };
}

/** What some names of an archive stand for: an image, or an index with those of its images that are there. */
export interface ArchivedEntry {
  images: ArchivedImage[];
  platforms?: PlatformsRecord;
  references: Reference[];
}

export interface WantedPlatform {
  /** Of an index only this one; else all. */
  wanted: Platform | undefined;
  /** The engine's. */
  own: Platform;
}

/**
 * The images of a docker-archive (`manifest.json`) or of an OCI layout (`index.json`). An archive may be both: then the layout
 * counts where it has an index, of whose platforms Docker's form knows one.
 */
export async function imagesIn(files: ArchiveFiles, platform: WantedPlatform): Promise<ArchivedEntry[]> {
  const isDocker = files.find('manifest.json') !== undefined;
  const layout = isDocker ? await layoutBeside(files) : files.find('index.json') && (await entriesOfLayout(files));
  if (layout && (!isDocker || layout.some(({ mediaType }) => isIndexType(mediaType)))) {
    return layoutImages(files, layout, platform);
  }
  if (isDocker) return dockerImages(files, layout ?? []);
  throw invalidArgument('open manifest.json: no such file or directory');
}

/** The OCI layout that newer archives of Docker's are as well. One that cannot be read is none. */
const layoutBeside = async (files: ArchiveFiles): Promise<Descriptor[]> =>
  files.find('index.json') ? entriesOfLayout(files).catch(error => nothingBut([], error)) : [];

function nothingBut<T>(nothing: T, error: unknown): T {
  if (error instanceof EngineError) return nothing;
  throw error;
}

interface DockerManifest {
  Config: string;
  RepoTags?: string[] | null;
  Layers?: string[] | null;
}

async function dockerImages(files: ArchiveFiles, layout: readonly Descriptor[]): Promise<ArchivedEntry[]> {
  const entries: ArchivedEntry[] = [];
  const travelled = await manifestsBeside(files, layout).catch(error => nothingBut(new Map(), error));
  for (const manifest of dockerManifests(await files.readDocument('manifest.json'))) {
    const configBytes = await files.readDocument(manifest.Config);
    const layers = (manifest.Layers ?? []).map(name => ({ name, mediaType: ociLayerType }));
    const references = (manifest.RepoTags ?? []).map(tag => withDefaultTag(parseReference(tag)));
    const id = digestOf(configBytes);
    const known = travelled.get(id);
    const image = { id, config: parseConfig(configBytes), configBytes, layers };
    entries.push({ images: [known ? { ...image, manifest: known } : image], references });
  }
  return entries;
}

/** By configuration: the manifests of the layout. */
async function manifestsBeside(files: ArchiveFiles, layout: readonly Descriptor[]) {
  const found = new Map<Digest, ArchivedImage['manifest']>();
  for (const { digest, mediaType } of layout) {
    const bytes = await readBlob(files, digest);
    const document = parseManifest(bytes, mediaType);
    if (document.kind === 'manifest')
      found.set(document.manifest.config.digest, travelling(document.manifest, bytes, mediaType));
  }
  return found;
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
