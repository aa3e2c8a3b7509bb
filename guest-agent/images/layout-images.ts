import { invalidArgument } from '../../contracts/errors.ts';
import { compressionOf, type Descriptor, isIndexType, mediaTypes } from '../../contracts/oci/descriptor.ts';
import { type Digest, hexOf } from '../../contracts/oci/digest.ts';
import type { ImageManifest, Platform } from '../../contracts/oci/image-spec.ts';
import { isTag, parseReference, type Reference, repositoryOf, withDefaultTag } from '../../contracts/oci/reference.ts';
import type { ArchiveFiles } from './archive-files.ts';
import type { ArchivedEntry, ArchivedImage, WantedPlatform } from './archived-images.ts';
import { digestOf } from './chain-ids.ts';
import { blobsNamedIn, deepestIndex, entriesOf, isImage } from './index-documents.ts';
import { chooseManifest, parseConfig, parseManifest } from './manifests.ts';
import { suitability } from './platform.ts';
import type { PlatformsMember } from './platforms-record.ts';

const annotations = {
  /** The whole name: containerd's word. */
  name: 'io.containerd.image.name',
  /** A tag, or with some tools a whole name. */
  refName: 'org.opencontainers.image.ref.name',
};

/** What an OCI layout names. @throws invalid-argument */
export async function entriesOfLayout(files: ArchiveFiles): Promise<Descriptor[]> {
  return entriesOf(await files.readDocument('index.json'), mediaTypes.ociIndex);
}

/** The images of an OCI layout; of an index all that are there, or the one for the platform. */
export async function layoutImages(
  files: ArchiveFiles,
  entries: readonly Descriptor[],
  platform: WantedPlatform,
): Promise<ArchivedEntry[]> {
  const found = new Map<Digest, ArchivedEntry>();
  for (const entry of entries) {
    const known = found.get(entry.digest) ?? (await entryOf(files, entry, platform));
    known.references.push(...referencesIn(entry.annotations));
    found.set(entry.digest, known);
  }
  return [...found.values()];
}

async function entryOf(files: ArchiveFiles, entry: Descriptor, platform: WantedPlatform): Promise<ArchivedEntry> {
  const bytes = await readBlob(files, entry.digest);
  const document = parseManifest(bytes, entry.mediaType);
  if (document.kind === 'manifest') {
    return { images: [await imageOf(files, document.manifest, bytes, entry.mediaType)], references: [] };
  }
  const found = new FoundIndex(files, platform.wanted);
  await found.read(document.index.manifests);
  const { images, members, blobs } = found;
  if (images.length === 0) await found.image(chooseManifest(document.index, platform.wanted ?? platform.own));
  const mediaType = document.index.mediaType ?? mediaTypes.ociIndex;
  const descriptor = { mediaType, digest: entry.digest, size: bytes.length };
  return { images, platforms: { descriptor, members, blobs }, references: [] };
}

/** What of an index is in an archive. */
class FoundIndex {
  readonly images: ArchivedImage[] = [];
  readonly members: PlatformsMember[] = [];
  readonly blobs: Digest[] = [];
  readonly #files: ArchiveFiles;
  readonly #wanted: Platform | undefined;
  readonly #seen = new Set<Digest>();

  constructor(files: ArchiveFiles, wanted: Platform | undefined) {
    this.#files = files;
    this.#wanted = wanted;
  }

  async read(entries: readonly Descriptor[], depth = 0): Promise<void> {
    for (const entry of entries) {
      if (this.#seen.has(entry.digest) || !this.#files.find(blobName(entry.digest))) continue;
      this.#seen.add(entry.digest);
      if (isIndexType(entry.mediaType)) await this.#readInner(entry, depth + 1);
      else if (!isImage(entry)) await this.#keep(entry);
      else if (await this.#isWanted(entry)) await this.image(entry);
    }
  }

  async image({ digest, mediaType }: Descriptor): Promise<void> {
    const bytes = await readBlob(this.#files, digest);
    const document = parseManifest(bytes, mediaType);
    if (document.kind === 'index') throw invalidArgument('ocimanifest: expected manifest but found index');
    const image = await imageOf(this.#files, document.manifest, bytes, mediaType);
    this.images.push(image);
    this.members.push({ manifest: digest, id: image.id });
  }

  async #readInner({ digest, mediaType }: Descriptor, depth: number): Promise<void> {
    if (depth > deepestIndex) throw invalidArgument('the index is nested too deeply');
    const bytes = await readBlob(this.#files, digest);
    this.blobs.push(digest);
    await this.read(entriesOf(bytes, mediaType), depth);
  }

  /** What is no image stays as it is. */
  async #keep({ digest }: Descriptor): Promise<void> {
    const named = blobsNamedIn(await readBlob(this.#files, digest)).map(blob => blob.digest);
    if (named.every(each => this.#files.find(blobName(each)))) this.blobs.push(digest, ...named);
  }

  /** Of an image that is wanted all is there. */
  async #isWanted({ digest, mediaType, platform }: Descriptor): Promise<boolean> {
    if (this.#wanted && platform && suitability(platform, this.#wanted) === 0) return false;
    const document = parseManifest(await readBlob(this.#files, digest), mediaType);
    if (document.kind === 'index') return true;
    const { config, layers } = document.manifest;
    return [config, ...layers].every(each => this.#files.find(blobName(each.digest)));
  }
}

/** Where an OCI layout has a blob. */
export const blobName = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

/** A document of the layout. @throws invalid-argument for one with other bytes than its name says */
export async function readBlob(files: ArchiveFiles, digest: Digest): Promise<Buffer> {
  const bytes = await files.readDocument(blobName(digest));
  if (digestOf(bytes) !== digest) throw invalidArgument(`invalid archive: ${blobName(digest)} has another digest`);
  return bytes;
}

async function imageOf(
  files: ArchiveFiles,
  manifest: ImageManifest,
  bytes: Buffer,
  type: string,
): Promise<ArchivedImage> {
  const configBytes = await readBlob(files, manifest.config.digest);
  const layers = manifest.layers.map(({ digest, mediaType }) => ({
    name: blobName(digest),
    mediaType: () => mediaType,
  }));
  const known = travelling(manifest, bytes, type);
  const config = parseConfig(configBytes);
  const image = { id: manifest.config.digest, config, configBytes, layers };
  return known ? { ...image, manifest: known } : image;
}

/** Layers that are not packed are packed for a registry, and then it is another manifest. */
export function travelling(manifest: ImageManifest, bytes: Buffer, mediaType: string): ArchivedImage['manifest'] {
  if (manifest.layers.some(layer => compressionOf(layer.mediaType) === 'none')) return undefined;
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

/** A bare tag names nothing: which repository it belongs to, only the user knew. */
function referencesIn(notes: Record<string, string> = {}): Reference[] {
  const whole = notes[annotations.name] ?? notes[annotations.refName];
  if (!whole) return [];
  if (!notes[annotations.name] && isTag(whole)) return [];
  const reference = parseReference(whole);
  return [reference.digest ? withDefaultTag(repositoryOf(reference)) : withDefaultTag(reference)];
}
