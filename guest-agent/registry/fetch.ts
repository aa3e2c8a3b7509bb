import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIndexType, isManifestType, mediaTypes } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Reference } from '../../contracts/oci/reference.ts';
import type { FetchedBlob, ResolvedManifest } from './registry.ts';
import { isRegistryError, RegistryError } from './registry-error.ts';
import { digestIn, type RepositoryEndpoint } from './repository.ts';
import { bodyOf, discard } from './transport.ts';

const manifestTypes = [
  mediaTypes.dockerManifest,
  mediaTypes.dockerIndex,
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
].join(', ');

/** HEAD first: it does not count against Docker Hub's limit, and often the answer is "you have that". */
export async function resolveAt(
  endpoint: RepositoryEndpoint,
  reference: Reference,
  signal: AbortSignal,
): Promise<ResolvedManifest> {
  const target = reference.digest ?? reference.tag ?? 'latest';
  const path = `manifests/${target}`;
  try {
    const response = await endpoint.request({ method: 'HEAD', path, headers: { Accept: manifestTypes }, signal });
    discard(response);
    const digest = reference.digest ?? digestIn(response); // whatever a header says: what was asked for is what counts
    const size = Number(response.headers['content-length']);
    if (digest && size > 0) return { descriptor: { mediaType: typeOf(response), digest, size } };
  } catch (error) {
    // A HEAD has no body to say what is wrong; what never reached the registry is told as it is.
    if (
      !isRegistryError(error) ||
      error.status === undefined ||
      error.status === 401 ||
      error.message.startsWith('Head ')
    )
      throw error;
  }
  const { mediaType, body, digest } = await fetchManifest(endpoint, target, reference.digest, signal);
  return { descriptor: { mediaType, digest, size: body.length }, body };
}

/**
 * At once with the bytes, and only what is a manifest: what a mirror merely says of one, or says instead, would keep those
 * from being asked that have it.
 */
export async function resolveAtMirror(
  endpoint: RepositoryEndpoint,
  reference: Reference,
  signal: AbortSignal,
): Promise<ResolvedManifest> {
  const target = reference.digest ?? reference.tag ?? 'latest';
  const { mediaType, body, digest, said } = await fetchManifest(endpoint, target, reference.digest, signal);
  const isOne = isIndexType(mediaType) || isManifestType(mediaType);
  if (!isOne || (said && said !== digest)) throw new RegistryError(`the mirror has no manifest under ${target}`);
  return { descriptor: { mediaType, digest, size: body.length }, body };
}

/** The verified bytes of a manifest, by its digest or a tag; `said` is the digest that their giver tells. */
export async function fetchManifest(
  endpoint: RepositoryEndpoint,
  target: string,
  expected: Digest | undefined,
  signal: AbortSignal,
): Promise<{ mediaType: string; body: Buffer; digest: Digest; said: Digest | undefined }> {
  const headers = { Accept: manifestTypes };
  const response = await endpoint.request({ method: 'GET', path: `manifests/${target}`, headers, signal });
  const body = await bodyOf(response);
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}` as Digest;
  if (expected && digest !== expected) {
    throw new RegistryError(`manifest verification failed for digest ${expected}`);
  }
  return { mediaType: typeOf(response), body, digest, said: digestIn(response) };
}

/** A blob from `offset` on; see {@link FetchedBlob}. */
export async function fetchBlob(
  endpoint: RepositoryEndpoint,
  digest: Digest,
  offset: number,
  signal: AbortSignal,
): Promise<FetchedBlob> {
  const headers: Record<string, string> = offset > 0 ? { Range: `bytes=${offset}-` } : {};
  const request = { method: 'GET', path: `blobs/${digest}`, headers, signal } as const;
  const response = await endpoint.request(request).catch(error => {
    throw error instanceof RegistryError && error.status === 404 ? unknownBlob(error) : error;
  });
  if (response.statusCode !== 206) return { offset: 0, stream: response };
  const start = Number(/^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1] ?? offset);
  if (start === offset) return { offset, stream: response };
  response.destroy();
  throw new RegistryError(`the registry answered from byte ${start} instead of ${offset}`);
}

/** Go's client does not read what a registry says about a blob that it does not have. */
const unknownBlob = (cause: unknown): RegistryError => new RegistryError('unknown blob', { status: 404, cause });

const typeOf = (response: IncomingMessage): string => (response.headers['content-type'] ?? '').split(';', 1)[0] ?? '';
