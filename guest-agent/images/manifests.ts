import { invalidArgument, notFound } from '../../contracts/errors.ts';
import { type Descriptor, isIndexType, isManifestType, mediaTypes } from '../../contracts/oci/descriptor.ts';
import { type DiffId, isDigest } from '../../contracts/oci/digest.ts';
import type { ImageConfig, ImageIndex, ImageManifest, Platform } from '../../contracts/oci/image-spec.ts';
import { syntaxComplaint } from '../registry/index.ts';
import { descriptorShape, imageConfigShape } from './document-shapes.ts';
import { bestFor, formatPlatform } from './platform.ts';

/** Far more than any image has; overlayfs takes 500. */
const mostLayers = 512;

/** A document of a registry or an archive, with every digest and size in it checked for shape. */
export type ManifestDocument = { kind: 'index'; index: ImageIndex } | { kind: 'manifest'; manifest: ImageManifest };

/** What a manifest's configuration is where it is an image's; the last four are mistakes of old registries. */
const configTypes: readonly string[] = [
  mediaTypes.dockerConfig,
  mediaTypes.ociConfig,
  ...['application/octet-stream', 'application/json', 'text/html', ''],
];
const schemaOneTypes: readonly string[] = [mediaTypes.dockerManifestV1, mediaTypes.dockerManifestV1Signed];

/** Reads a manifest or an index of the type that its giver says. @throws invalid-argument for what is neither. */
export function parseManifest(body: Buffer, mediaType: string): ManifestDocument {
  const document = parseJson(body, 'manifest');
  const type = typeOf(document, mediaType);
  if (document.schemaVersion === 1 || schemaOneTypes.includes(type)) {
    throw invalidArgument(
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 are no longer supported. ' +
        'Suggest the author of the image to upgrade it to the OCI Format',
    );
  }
  checkKind(document, type);
  return isIndexType(type)
    ? { kind: 'index', index: indexIn(document) }
    : { kind: 'manifest', manifest: imageIn(document, type) };
}

/** A document that says another type than its giver could be read in two ways. Some givers say nothing. */
function typeOf(document: Record<string, unknown>, given: string): string {
  const own = typeof document.mediaType === 'string' ? document.mediaType : undefined;
  const isKnown = isIndexType(given) || isManifestType(given) || schemaOneTypes.includes(given);
  if (isKnown && own && own !== given) {
    throw invalidArgument(`if present, mediaType in manifest should be '${given}' not '${own}'`);
  }
  if (isKnown) return given;
  return own ?? (Array.isArray(document.manifests) ? mediaTypes.ociIndex : mediaTypes.ociManifest);
}

/** CVE-2021-41190: what is an index and a manifest at once may be one to whoever checks it, and the other to us. */
function checkKind(document: Record<string, unknown>, type: string): void {
  if (isIndexType(type)) {
    if (document.layers !== undefined || document.config !== undefined) {
      throw invalidArgument('index: expected index but found manifest');
    }
  } else if (document.manifests !== undefined) {
    throw invalidArgument('ocimanifest: expected manifest but found index');
  }
}

const indexIn = (document: Record<string, unknown>): ImageIndex => ({
  ...(document as unknown as ImageIndex),
  manifests: descriptors(document.manifests),
});

function imageIn(document: Record<string, unknown>, type: string): ImageManifest {
  const { config } = document;
  if (!isManifestType(type) || !isDescriptor(config)) throw invalidArgument(`unsupported manifest media type: ${type}`);
  if (!configTypes.includes(config.mediaType ?? ''))
    throw invalidArgument(`unsupported media type ${config.mediaType}`);
  const layers = descriptors(document.layers);
  if (layers.length > mostLayers) throw invalidArgument('max depth exceeded');
  return { ...(document as unknown as ImageManifest), config, layers };
}

/** The manifest for a platform. @throws not-found in Docker's words. */
export function chooseManifest(index: ImageIndex, platform: Platform): Descriptor {
  const [only, ...others] = index.manifests;
  const fallback = others.length === 0 && only && !only.platform ? only : undefined;
  const chosen = bestFor(index.manifests, platform) ?? fallback;
  if (chosen) return chosen;
  throw notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
}

/** Reads an image's configuration. @throws invalid-argument when it is none. */
export function parseConfig(body: Buffer): ImageConfig {
  const document = parseJson(body, 'image configuration') as unknown as ImageConfig;
  const diffIds: unknown = document.rootfs?.diff_ids ?? [];
  if (!isDiffIds(diffIds)) {
    throw invalidArgument('invalid image configuration: rootfs.diff_ids is not a list of digests');
  }
  if (typeof document.rootfs !== 'object' || document.rootfs === null) {
    throw invalidArgument('invalid image JSON, no RootFS key');
  }
  if (diffIds.length > mostLayers) throw invalidArgument('max depth exceeded');
  imageConfigShape(document, '');
  return { ...document, rootfs: { ...document.rootfs, diff_ids: diffIds } };
}

/** Reads what somebody says of an image, whose layers are not his to say. @throws invalid-argument when it cannot be said */
export function parseWords(body: Buffer): Partial<Omit<ImageConfig, 'rootfs'>> {
  const { rootfs: _, ...words } = parseJson(body, 'image configuration');
  imageConfigShape(words, '');
  return words;
}

const isDiffIds = (value: unknown): value is DiffId[] =>
  Array.isArray(value) && value.every(diffId => typeof diffId === 'string' && isDigest(diffId));

function parseJson(body: Buffer, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw invalidArgument(`error unmarshalling content: ${syntaxComplaint(body.toString('utf8'))}`, { cause: error });
  }
  throw invalidArgument(`invalid ${what}: not an object`);
}

function descriptors(value: unknown): Descriptor[] {
  const list = value ?? [];
  if (!Array.isArray(list) || !list.every(isDescriptor)) throw invalidArgument('invalid manifest: bad descriptor');
  return list.map(withoutNulls);
}

/** Go's null is nothing at all. */
const withoutNulls = (descriptor: Descriptor): Descriptor =>
  Object.fromEntries(Object.entries(descriptor).filter(([, value]) => value !== null)) as unknown as Descriptor;

/** @throws invalid-argument for one that is, but for something in it. */
function isDescriptor(value: unknown): value is Descriptor {
  const { digest, size } = (value ?? {}) as Record<string, unknown>;
  const isOne = typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size) && Number(size) >= 0;
  if (isOne) descriptorShape(value, '');
  return isOne;
}
