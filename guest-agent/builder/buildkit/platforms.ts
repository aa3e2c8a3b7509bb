import { formatPlatform, type PlatformImage } from '../../images/index.ts';
import { definitionOf } from './llb.ts';
import type { FrontendOptions } from './request.ts';

/** Which platforms are asked for; none where nobody says. */
export const platformsIn = ({ platform }: FrontendOptions): string[] => (platform ?? '').split(',').filter(Boolean);

/** A result as clients of the bridge get it: one image, or one a platform with a list of these (exporter/containerimage/exptypes). */
export function resultOf(images: readonly PlatformImage[]): object {
  const [only, ...others] = images;
  if (only && others.length === 0) return { ref: referenceTo(only) };
  const refs = Object.fromEntries(images.map(each => [formatPlatform(each.platform), referenceTo(each)]));
  const Platforms = images.map(({ platform }) => ({ ID: formatPlatform(platform), Platform: platform }));
  return { refs: { refs }, metadata: { 'refs.platforms': Buffer.from(JSON.stringify({ Platforms })) } };
}

const referenceTo = ({ image }: PlatformImage): object => ({ id: image.id, def: definitionOf(image) });
