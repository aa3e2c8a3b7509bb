import type { ManifestSummary } from '../../contracts/docker/images.ts';
import type { PlatformOffer } from '../images/index.ts';

/** A platform of an image as `docker images --tree` shows it; `containersOf` tells who was made of what is here. */
export function toManifestSummary(
  { descriptor, available, image, statementFor }: PlatformOffer,
  containersOf: (imageId: string) => string[],
): ManifestSummary {
  const unpacked = image?.size ?? 0;
  const { platform } = descriptor;
  const common = {
    ID: descriptor.digest,
    Descriptor: descriptor,
    Available: available,
    Size: { Content: 0, Total: unpacked }, // packed layers are not kept
  };
  if (statementFor) return { ...common, Kind: 'attestation', AttestationData: { For: statementFor } };
  if (!platform) return { ...common, Kind: 'unknown' };
  const Containers = image ? containersOf(image.id) : [];
  return { ...common, Kind: 'image', ImageData: { Platform: platform, Containers, Size: { Unpacked: unpacked } } };
}
