import type { Descriptor } from '../../../contracts/oci/descriptor.ts';
import type { ChainId, DiffId, Digest } from '../../../contracts/oci/digest.ts';
import type { Image } from '../../images/index.ts';

/** BuildKit's document of a cache that is kept elsewhere (cache/remotecache/v1, spec.go): which steps have which layers. */
export interface CacheConfig {
  layers?: { blob: Digest; parent?: number }[];
  records?: CacheRecordDocument[];
}

export interface CacheRecordDocument {
  /** Of a step: ours are the keys of our own cache, BuildKit's come of its graph. */
  digest: string;
  layers?: { layer: number; createdAt?: string }[];
}

export const cacheConfigType = 'application/vnd.buildkit.cacheconfig.v0';
/** Where an image says the records of its own steps: its layers are those of the image. */
export const inlineField = 'moby.buildkit.cache.v0';
/** A layer's archive, not packed. */
export const diffIdAnnotation = 'containerd.io/uncompressed';

/** When a layer was made, RFC 3339. */
export const createdAnnotation = 'buildkit/createdat';

/** A step's result by its key. */
export type StepResults = ReadonlyMap<string, Image>;

/** A layer as it is kept elsewhere. */
export interface RemoteLayer {
  descriptor: Descriptor;
  diffId: DiffId;
}

const keyPrefix = 'sha256:';

/** The records of all steps whose layers are there, with the place of the uppermost one. */
function recordsOf(steps: StepResults, placeOf: ReadonlyMap<ChainId, number>): CacheRecordDocument[] {
  return [...steps].flatMap(([key, { topChainId, createdAt }]) => {
    const layer = topChainId && placeOf.get(topChainId);
    if (layer === undefined) return [];
    return [{ digest: `${keyPrefix}${key}`, layers: [{ layer, createdAt: createdAt.toISOString() }] }];
  });
}

/** The document of a cache: `formOf` says how each layer is packed. */
export function cacheConfigOf(steps: StepResults, formOf: ReadonlyMap<ChainId, Descriptor>): CacheConfig {
  const placeOf = new Map<ChainId, number>();
  const layers: { blob: Digest; parent: number }[] = [];
  for (const { chainIds } of steps.values()) {
    for (const [position, chainId] of chainIds.entries()) {
      const form = formOf.get(chainId);
      if (!form) break;
      if (placeOf.has(chainId)) continue;
      const below = chainIds[position - 1];
      placeOf.set(chainId, layers.length);
      layers.push({ blob: form.digest, parent: (below && placeOf.get(below)) ?? -1 });
    }
  }
  return { layers, records: recordsOf(steps, placeOf) };
}

/** What goes into the image itself, for {@link inlineField}; undefined when none of the steps is among its layers. */
export function inlineRecords(steps: StepResults, { chainIds }: Pick<Image, 'chainIds'>): string | undefined {
  const records = recordsOf(steps, new Map(chainIds.map((chainId, place) => [chainId, place])));
  return records.length > 0 ? Buffer.from(JSON.stringify(records)).toString('base64') : undefined;
}

/** The layers of each step, lowest first, by the step's key; what does not hold together is left out. */
export function chainsIn(
  { layers = [], records = [] }: CacheConfig,
  known: ReadonlyMap<Digest, RemoteLayer>,
): Map<string, RemoteLayer[]> {
  const chains = new Map<string, RemoteLayer[]>();
  for (const { digest, layers: results = [] } of records) {
    const [result] = results;
    const chain = result && digest.startsWith(keyPrefix) ? chainOf(result.layer, layers, known) : undefined;
    if (chain) chains.set(digest.slice(keyPrefix.length), chain);
  }
  return chains;
}

function chainOf(
  top: number,
  layers: NonNullable<CacheConfig['layers']>,
  known: ReadonlyMap<Digest, RemoteLayer>,
): RemoteLayer[] | undefined {
  const chain: RemoteLayer[] = [];
  for (let at = top; at !== -1; ) {
    const layer = layers[at];
    const remote = layer && known.get(layer.blob);
    if (!remote || chain.length > layers.length) return undefined;
    chain.unshift(remote);
    at = layer.parent ?? 0; // Go leaves a zero out
  }
  return chain;
}
