import type { DistributionInspect, ImageDescriptor } from '../../contracts/docker/images.ts';
import { forbidden, internal, notFound, unauthorized } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { type Reference, withDefaultTag } from '../../contracts/oci/reference.ts';
import { isRegistryError, type Registry } from '../registry/index.ts';
import { parseConfig, parseManifest } from './manifests.ts';
import type { PullOptions } from './pull.ts';

/** Nobody needs a configuration longer than this, in bytes. */
const longestConfig = 8 << 20;

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
    const bytes = body ?? (await repository.manifest(descriptor.digest, signal)).body;
    const document = parseManifest(bytes, descriptor.mediaType);
    if (document.kind === 'index') {
      const platforms = document.index.manifests.flatMap(({ platform }) => platform ?? []);
      return { Descriptor: { ...descriptor }, Platforms: platforms.map(toDocument) };
    }
    const { digest, size } = document.manifest.config;
    if (size > longestConfig) return { Descriptor: { ...descriptor }, Platforms: [] };
    const { stream } = await repository.blob(digest, 0, signal);
    const config = parseConfig(Buffer.concat(await stream.toArray()));
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
