import { notFound } from '../../contracts/errors.ts';
import { type Descriptor, isIndexType, mediaTypes } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ImageManifest, Platform } from '../../contracts/oci/image-spec.ts';
import { parseReference, type Reference, toText } from '../../contracts/oci/reference.ts';
import type { ContentStore } from '../content/index.ts';
import { ociLayerType } from './archived-images.ts';
import { digestOf } from './chain-ids.ts';
import { type Image, sameRepository } from './image.ts';
import { entriesOf, indexOfNow, isStatement } from './index-documents.ts';
import type { LayerArchives, LayerForm } from './layer-archives.ts';
import { formatPlatform } from './platform.ts';
import type { PlatformsRecord } from './platforms-record.ts';
import { keptManifest } from './push-manifest.ts';
import { restated } from './restated.ts';

export interface SaveRooms {
  content: ContentStore;
  archives: LayerArchives;
  /** Of several platforms only this one. */
  platform: Platform | undefined;
  find(name: string, platform?: Platform): Image | undefined;
  list(): Image[];
}

/** An image with its layers as they go into an archive, and its manifest as bytes. */
export interface SavedImage {
  image: Image;
  layers: LayerForm[];
  manifest: Buffer;
}

/** What some names stand for, an image or an index of several, as it goes into an archive. */
export interface SavedEntry {
  /** The first is the one that Docker's own form of archives has. */
  images: SavedImage[];
  descriptor: Descriptor;
  references: Reference[];
  /** Indexes. */
  documents: Buffer[];
  /** What else of an index is here; some of it may stand in `documents` in another form. */
  blobs: readonly Digest[];
}

/** What is asked for by several names is saved once. */
export function savedEntries(names: readonly string[], rooms: SaveRooms): SavedEntry[] {
  const saved = new Map<Digest, SavedEntry>();
  for (const { image, references } of names.flatMap(name => imagesNamed(name, rooms))) {
    const target = isSeveral(image, rooms) ? image.platforms.descriptor.digest : image.id;
    const entry = saved.get(target) ?? savedEntry(image, rooms);
    saved.set(target, entry);
    for (const reference of references) if (!entry.references.includes(reference)) entry.references.push(reference);
  }
  return [...saved.values()];
}

/** More than an image is here under its name: other platforms of it, or statements about it. */
function isSeveral(image: Image, { content }: SaveRooms): image is Image & { platforms: PlatformsRecord } {
  const { platforms } = image;
  if (!platforms || !content.has(platforms.descriptor.digest)) return false;
  return platforms.members.length > 1 || platforms.blobs.length > 0;
}

function savedEntry(image: Image, rooms: SaveRooms): SavedEntry {
  if (isSeveral(image, rooms)) return savedPlatforms(image, image.platforms, rooms);
  const saved = withManifest(image, rooms);
  return { images: [saved], descriptor: descriptorOf(saved.manifest), references: [], documents: [], blobs: [] };
}

/** All of an index that is here. Its layers go in without packing, so that it names other manifests than it did. */
function savedPlatforms(face: Image, { descriptor, members, blobs }: PlatformsRecord, rooms: SaveRooms): SavedEntry {
  const now = new Map<Digest, Descriptor>();
  const images: SavedImage[] = [];
  for (const { manifest, id } of members) {
    const saved = withManifest(id === face.id ? face : (rooms.find(id) ?? missing(`No such image: ${id}`)), rooms);
    if (id === face.id) images.unshift(saved);
    else images.push(saved);
    now.set(manifest, descriptorOf(saved.manifest));
  }
  const documents: Buffer[] = [];
  const saved = indexAsSaved(descriptor, now, { content: rooms.content, blobs, documents });
  return { images, descriptor: saved, references: [], documents, blobs };
}

interface IndexRooms {
  content: ContentStore;
  blobs: readonly Digest[];
  documents: Buffer[];
}

/** An index with those inside it, innermost first. */
function indexAsSaved({ mediaType, digest }: Descriptor, now: Map<Digest, Descriptor>, rooms: IndexRooms): Descriptor {
  const body = rooms.content.readSync(digest);
  for (const entry of entriesOf(body, mediaType)) {
    if (now.has(entry.digest) || !rooms.blobs.includes(entry.digest)) continue;
    if (isIndexType(entry.mediaType)) now.set(entry.digest, indexAsSaved(entry, now, rooms));
    else now.set(entry.digest, isStatement(entry) ? statementAsSaved(entry, now, rooms) : entry);
  }
  const saved = indexOfNow(body, now);
  rooms.documents.push(saved);
  return { mediaType, digest: digestOf(saved), size: saved.length };
}

/** A statement about an image whose manifest is another one in the archive is about that one. */
function statementAsSaved(
  statement: Descriptor,
  now: ReadonlyMap<Digest, Descriptor>,
  { content, documents }: IndexRooms,
): Descriptor {
  const { manifest, blobs } = restated(content.readSync(statement.digest), now, content);
  const digest = digestOf(manifest);
  if (digest !== statement.digest) documents.push(...blobs, manifest);
  return { ...statement, digest, size: manifest.length };
}

/** A tag means itself, a repository all its tags, an id the image without a name. @throws not-found in dockerd's words. */
function imagesNamed(name: string, rooms: SaveRooms): { image: Image; references: Reference[] }[] {
  const { find, list, platform } = rooms;
  const byId = () => {
    const image = find(name, platform) ?? missing(`No such image: ${name}`);
    return [{ image: { ...image, platforms: undefined }, references: [] }];
  };
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) return byId();
  const typed = parseReference(name);
  if (typed.digest) return byId();
  const wanted = (reference: Reference): boolean =>
    typed.tag ? toText(reference) === toText(typed) : sameRepository(reference, typed);
  const named = list().flatMap(({ references }) => references.filter(wanted));
  if (named.length > 0)
    return named.map(reference => ({ image: imageNamed(reference, rooms), references: [reference] }));
  if (typed.tag && !name.startsWith('sha256:')) missing('reference does not exist');
  return byId();
}

function imageNamed(reference: Reference, { find, platform }: SaveRooms): Image {
  const image = find(toText(reference), platform);
  if (image) return platform ? { ...image, platforms: undefined } : image;
  return missing(
    platform ? `no suitable export target found for platform ${formatPlatform(platform)}` : toText(reference),
  );
}

function missing(message: string): never {
  throw notFound(message);
}

/** The manifest that it came with, if that is OCI's and names the layers as they go in; else a new one. */
export function withManifest(image: Image, { content, archives }: Pick<SaveRooms, 'content' | 'archives'>): SavedImage {
  const layers = image.layers.map(layer => archives.form(layer));
  const kept = keptManifest(image, content);
  const isAsItCame = layers.every(({ digest }, position) => kept?.layers[position]?.digest === digest);
  if (kept?.mediaType === mediaTypes.ociManifest && isAsItCame) return { image, layers, manifest: kept.body };
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.id, size: Buffer.byteLength(image.configText) },
    layers: layers.map(({ digest, size, compression }) => ({ mediaType: ociLayerType(compression), digest, size })),
  };
  return { image, layers, manifest: Buffer.from(JSON.stringify(manifest)) };
}

export const descriptorOf = (manifest: Buffer): Descriptor => ({
  mediaType: mediaTypes.ociManifest,
  digest: digestOf(manifest),
  size: manifest.length,
});
