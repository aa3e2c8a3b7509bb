import { type EngineError, invalidArgument, unavailable } from '../../contracts/errors.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ImageConfig, ImageManifest, Platform } from '../../contracts/oci/image-spec.ts';
import type { ContentStore, Lease } from '../content/index.ts';
import type { Repository, ResolvedManifest } from '../registry/index.ts';
import type { DownloadOptions } from './download.ts';
import { deepestIndex } from './index-documents.ts';
import { chooseManifest, type ManifestDocument, parseConfig, parseManifest } from './manifests.ts';
import { longestConfig, smallBlob } from './small-blob.ts';

/** What a registry says about an image: all of it but its layers. */
export interface FoundImage {
  /** The digest of the configuration. */
  id: Digest;
  config: ImageConfig;
  manifest: ImageManifest;
  /** Of the manifest. */
  descriptor: Descriptor;
  /** What the manifest was chosen from, where there was a choice; the outermost first, each in the one before. */
  indexes: Descriptor[];
}

export interface Finding {
  repository: Repository;
  content: ContentStore;
  /** Guards what is stored until the image has its record. */
  lease: Lease;
  platform: Platform;
  download: DownloadOptions;
}

/** Follows what a tag resolved to down to the manifest and configuration for the platform; keeps both. */
export async function findImage(resolved: ResolvedManifest, finding: Finding): Promise<FoundImage> {
  let next = resolved;
  const indexes: Descriptor[] = [];
  for (let depth = 0; depth < deepestIndex; depth++) {
    const { document, descriptor } = await fetchManifest(next, finding);
    if (document.kind === 'manifest') return { ...(await withConfig(document.manifest, descriptor, finding)), indexes };
    indexes.push(descriptor);
    next = { descriptor: chooseManifest(document.index, finding.platform) };
  }
  throw invalidArgument('the index is nested too deeply');
}

async function fetchManifest(
  { descriptor, body: known }: ResolvedManifest,
  { repository, content, lease, download }: Finding,
): Promise<{ document: ManifestDocument; descriptor: Descriptor }> {
  const { digest } = descriptor;
  lease.protect(digest);
  if (content.has(digest)) return parsed(await content.read(digest), descriptor.mediaType, digest);
  const fetched = known ? undefined : await repository.manifest(digest, download.signal);
  const body = known ?? fetched?.body ?? Buffer.alloc(0);
  const result = parsed(body, fetched?.mediaType ?? descriptor.mediaType, digest);
  await content.put(body);
  return result;
}

function parsed(body: Buffer, mediaType: string, digest: Digest) {
  const document = parseManifest(body, mediaType);
  const own = document.kind === 'index' ? document.index.mediaType : document.manifest.mediaType;
  return { document, descriptor: { mediaType: own ?? mediaType, digest, size: body.length } };
}

async function withConfig(
  manifest: ImageManifest,
  descriptor: Descriptor,
  finding: Finding,
): Promise<Omit<FoundImage, 'indexes'>> {
  const config = parseConfig(await configBytes(manifest.config, finding));
  if (config.os && config.os !== 'linux') {
    const why = 'cannot be used on this platform: operating system is not supported';
    throw invalidArgument(`image operating system ${JSON.stringify(config.os)} ${why}`);
  }
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw invalidArgument("layers from manifest don't match image configuration");
  }
  return { id: manifest.config.digest, config, manifest, descriptor };
}

async function configBytes(descriptor: Descriptor, finding: Finding): Promise<Buffer> {
  const { repository, content, lease, download: options } = finding;
  const { digest, size } = descriptor;
  lease.protect(digest);
  if (content.has(digest)) return content.read(digest);
  if (size > longestConfig) throw configError(new Error(`a configuration of ${size} bytes is refused`), options);
  const body = await smallBlob(repository, descriptor, options).catch(error => {
    options.signal.throwIfAborted();
    throw configError(error, options);
  });
  if (!body)
    throw unavailable(`error pulling image configuration: image config verification failed for digest ${digest}`);
  await content.put(body);
  return body;
}

const configError = (cause: Error, { attempts }: DownloadOptions): EngineError =>
  unavailable(`error pulling image configuration: download failed after attempts=${attempts}: ${cause.message}`, {
    cause,
  });
