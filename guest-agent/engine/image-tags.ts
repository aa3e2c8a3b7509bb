import type { AuthConfig } from '../../contracts/docker/common.ts';
import type { RepositoryTags } from '../../contracts/docker/images.ts';
import { parseReference } from '../../contracts/oci/reference.ts';
import { distributionError } from '../images/index.ts';
import type { EngineContext } from './context.ts';

/** Berth's own: the tags that a registry has of an image. @throws as the registry says it */
export async function listImageTags(
  { image, auth, signal }: { image: string; auth?: AuthConfig; signal: AbortSignal },
  { rooms }: EngineContext,
): Promise<RepositoryTags> {
  const reference = parseReference(image);
  try {
    return { Tags: await rooms.registry.repository(reference, auth).tags(signal) };
  } catch (error) {
    throw distributionError(error);
  }
}
