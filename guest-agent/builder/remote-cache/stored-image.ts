import { invalidArgument } from '../../../contracts/errors.ts';
import { isIndexType } from '../../../contracts/oci/descriptor.ts';
import type { DiffId, Digest } from '../../../contracts/oci/digest.ts';
import type { ImageIndex, ImageManifest } from '../../../contracts/oci/image-spec.ts';
import { type Image, type Images, ownPlatform, parseConfig, suitability } from '../../images/index.ts';
import type { CacheSource } from './imported-cache.ts';

/** An image whose manifest, or index, a client keeps: its layers are brought here. @throws invalid-argument for what is no image */
export async function imageFrom(source: CacheSource, images: Images, signal: AbortSignal): Promise<Image> {
  const { config: described, layers } = await manifestIn(await source.root(), source);
  const { rootfs, ...config } = parseConfig(await source.document(described));
  const diffIds = rootfs.diff_ids;
  if (diffIds.length !== layers.length) throw invalidArgument('mismatched image rootfs and manifest layers');
  const remote = layers.map((descriptor, place) => ({ descriptor, diffId: diffIds[place] as DiffId }));
  return images.obtain({ layers: remote, from: source, config, signal });
}

/** Of several platforms the one that this machine can run best. */
async function manifestIn(body: Buffer, source: CacheSource): Promise<Pick<ImageManifest, 'config' | 'layers'>> {
  const document = JSON.parse(body.toString()) as Partial<ImageManifest> & Partial<ImageIndex>;
  if (document.config && document.layers) return { config: document.config, layers: document.layers };
  const own = ownPlatform();
  const fitness = ({ platform }: ImageIndex['manifests'][number]): number =>
    platform ? suitability(platform, own) : 1;
  const [best] = (document.manifests ?? []).toSorted((left, right) => fitness(right) - fitness(left));
  if (!best || isIndexType(best.mediaType)) throw invalidArgument('the client keeps no image under that digest');
  return manifestIn(await source.document({ ...best, digest: best.digest as Digest }), source);
}
