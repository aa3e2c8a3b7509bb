import { type Descriptor, mediaTypes } from '../../contracts/oci/descriptor.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import type { Image } from './image.ts';
import type { StatementOf } from './statements.ts';

/** An image, and which platform it is for. */
export interface PlatformImage {
  image: Image;
  platform: Platform;
  /** What is said of it wherever its index goes. */
  statement?: StatementOf;
}

/** The index of manifests that say their platforms: Docker's where all of them are Docker's, else OCI's. */
export function platformIndex(manifests: readonly Descriptor[]): { mediaType: string; body: Buffer } {
  const isDocker = manifests.every(({ mediaType }) => mediaType === mediaTypes.dockerManifest);
  const mediaType = isDocker ? mediaTypes.dockerIndex : mediaTypes.ociIndex;
  return { mediaType, body: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })) };
}
