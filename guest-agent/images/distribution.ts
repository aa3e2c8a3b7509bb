import { systemClock } from '../../base/clock.ts';
import type { DistributionInspect, ImageDescriptor } from '../../contracts/docker/images.ts';
import { forbidden, internal, notFound, unauthorized } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { type Reference, withDefaultTag } from '../../contracts/oci/reference.ts';
import { isRegistryError, type Registry } from '../registry/index.ts';
import { parseConfig, parseManifest } from './manifests.ts';
import type { PullOptions } from './pull.ts';
import { longestConfig, smallBlob } from './small-blob.ts';

/** `GET /distribution/{name}/json`: what a registry has under a name, without pulling it. */
export async function inspectDistribution(
  registry: Registry,
  named: Reference,
  { auth, signal }: Pick<PullOptions, 'auth' | 'signal'>,
): Promise<DistributionInspect> {
  const reference = withDefaultTag(named);
  const repository = registry.repository(reference, auth);
  try {
    const { descriptor, body } = await repository.resolve(reference, signal);
    const manifest = body ?? (await repository.manifest(descriptor.digest, signal)).body;
    const document = parseManifest(manifest, descriptor.mediaType);
    if (document.kind === 'index') {
      const platforms = document.index.manifests.flatMap(({ platform }) => platform ?? []);
      return { Descriptor: { ...descriptor }, Platforms: platforms.map(toDocument) };
    }
    const { config: named } = document.manifest;
    if (named.size > longestConfig) return { Descriptor: { ...descriptor }, Platforms: [] };
    const once = { attempts: 1, retryDelayMs: 0, clock: systemClock, tell: () => undefined, signal };
    const bytes = await smallBlob(repository, named, once);
    if (!bytes) throw internal(`error verifying blob: ${named.digest} has other bytes`);
    const config = parseConfig(bytes);
    return { Descriptor: { ...descriptor }, Platforms: [toDocument(config)] };
  } catch (error) {
    throw distributionError(error);
  }
}

/** Unlike a pull's, told as the registry says it. */
export function distributionError(error: unknown): unknown {
  if (!isRegistryError(error)) return error;
  if (error.code === 'UNAUTHORIZED') return unauthorized(error.message, { cause: error });
  if (error.code === 'DENIED') return forbidden(error.message, { cause: error });
  return (error.status === 404 ? notFound : internal)(error.message, { cause: error });
}

function toDocument({ architecture, os, variant }: Platform): NonNullable<ImageDescriptor['platform']> {
  return variant ? { architecture, os, variant } : { architecture, os };
}
