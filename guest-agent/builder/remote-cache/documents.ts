import { type Descriptor, mediaTypes } from '../../../contracts/oci/descriptor.ts';
import type { ChainId, DiffId } from '../../../contracts/oci/digest.ts';
import { digestOf, type LayerBlob, type LayerForm, ociLayerType } from '../../images/index.ts';
import { cacheConfigOf, cacheConfigType, createdAnnotation, diffIdAnnotation, type StepResults } from './config.ts';

/** A layer of a cache, once, whatever steps have it. */
export interface CacheLayer {
  chainId: ChainId;
  diffId: DiffId;
  layer: LayerBlob;
  createdAt: Date | undefined;
}

/** Each layer of the steps, lower ones before those on them. */
export function layersOf(steps: StepResults): CacheLayer[] {
  const found = new Map<ChainId, CacheLayer>();
  for (const { chainIds, layers, config, topChainId, createdAt } of steps.values()) {
    for (const [place, chainId] of chainIds.entries()) {
      const [layer, diffId] = [layers[place], config.rootfs.diff_ids[place]];
      const known = found.get(chainId);
      const own = chainId === topChainId ? createdAt : known?.createdAt;
      if (layer && diffId) found.set(chainId, { chainId, diffId, layer, createdAt: own });
    }
  }
  return [...found.values()];
}

export interface CacheDocuments {
  /** Which steps there are. */
  document: Buffer;
  manifest: { mediaType: string; body: Buffer };
}

/** A layer, and how it is packed where the cache is kept. */
export type PackedCacheLayer = CacheLayer & { form: LayerForm };

/** What a cache begins with: an image's manifest, which every registry takes, or an index, which BuildKit wrote before. */
export function cacheDocuments(
  steps: StepResults,
  layers: readonly PackedCacheLayer[],
  asIndex: boolean,
): CacheDocuments {
  const formOf = new Map(layers.map(layer => [layer.chainId, described(layer)]));
  const document = Buffer.from(JSON.stringify(cacheConfigOf(steps, formOf)));
  const config = { mediaType: cacheConfigType, digest: digestOf(document), size: document.length };
  const mediaType = asIndex ? mediaTypes.ociIndex : mediaTypes.ociManifest;
  const content = asIndex ? { manifests: [...formOf.values(), config] } : { config, layers: [...formOf.values()] };
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...content }));
  return { document, manifest: { mediaType, body } };
}

function described({ diffId, createdAt, form: { digest, size, compression } }: PackedCacheLayer): Descriptor {
  const annotations: Record<string, string> = { [diffIdAnnotation]: diffId };
  if (createdAt) annotations[createdAnnotation] = createdAt.toISOString();
  return { mediaType: ociLayerType(compression), digest, size, annotations };
}
