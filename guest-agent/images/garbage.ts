import type { Log } from '../../base/log.ts';
import { EngineError } from '../../contracts/errors.ts';
import type { ChainId, Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import type { LayerInfo, Snapshots } from '../snapshots/index.ts';
import type { Holds } from './holds.ts';
import type { ImageIndex } from './image-index.ts';

export interface GarbageRooms {
  index: ImageIndex;
  content: ContentStore;
  snapshots: Snapshots;
  layerHolds: Holds<ChainId>;
  log: Log;
}

/**
 * Removes layers and blobs that no image names, no pull holds and no container stands on, and parts of downloads. Returns
 * the layers that went, uppermost first, and how much of downloads.
 */
export async function sweepGarbage(
  rooms: GarbageRooms,
  { partials = 'old' }: { partials?: 'old' | 'all' } = {},
): Promise<{ layers: LayerInfo[]; partialBytes: number }> {
  const layers = await sweepLayers(rooms);
  await rooms.content.sweep(namedBy(rooms));
  return { layers, partialBytes: await rooms.content.dropPartials(partials) };
}

/** Asks the list as it is: an image may come while blobs are swept, and lets go of its lease then. */
function namedBy({ index, snapshots }: GarbageRooms): (digest: Digest) => boolean {
  let { state } = index;
  let named = blobsOf(state, snapshots);
  return digest => {
    if (state !== index.state) {
      ({ state } = index);
      named = blobsOf(state, snapshots);
    }
    return named.has(digest);
  };
}

/** Of a layer, only where its files alone do not give it back. */
function blobsOf({ images, platforms }: ImageIndex['state'], snapshots: Snapshots): Set<Digest> {
  const ofImages = [...images.values()].flatMap(({ id, manifest, layers }) => [
    id,
    ...(manifest ? [manifest.digest] : []),
    ...layers.filter(({ chainId }) => !snapshots.packedFrom(chainId)).map(blob => blob.digest),
  ]);
  const ofIndexes = [...platforms.values()].flatMap(({ descriptor, members, blobs }) => [
    descriptor.digest,
    ...members.map(({ manifest }) => manifest),
    ...blobs,
  ]);
  return new Set([...ofImages, ...ofIndexes]);
}

async function sweepLayers({ index, snapshots, layerHolds, log }: GarbageRooms): Promise<LayerInfo[]> {
  const isNamed = (chainId: ChainId): boolean => index.layer(chainId) !== undefined || layerHolds.has(chainId);
  const removed: LayerInfo[] = [];
  for (const layer of uppermostFirst(snapshots.layers().filter(({ chainId }) => !isNamed(chainId)))) {
    if (isNamed(layer.chainId)) continue; // a pull took hold of it meanwhile
    try {
      await snapshots.removeLayer(layer.chainId);
      removed.push(layer);
    } catch (error) {
      if (error instanceof EngineError && error.kind === 'conflict') continue; // a container stands on it
      log.warn('a layer could not be removed', { layer: layer.chainId, error });
    }
  }
  return removed;
}

/** A layer before the one that it stands on. */
export function uppermostFirst(layers: readonly LayerInfo[]): LayerInfo[] {
  const byId = new Map(layers.map(layer => [layer.chainId, layer]));
  const depth = (layer: LayerInfo): number => {
    let count = 0;
    for (let below = layer.parent && byId.get(layer.parent); below; below = below.parent && byId.get(below.parent))
      count++;
    return count;
  };
  return [...layers].sort((a, b) => depth(b) - depth(a));
}
