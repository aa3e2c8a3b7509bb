import type { Digest } from '../../contracts/oci/digest.ts';
import type { HistoryEntry } from '../../contracts/oci/image-spec.ts';
import { tarIn } from './archive-files.ts';
import { commitLayer } from './commit-layer.ts';
import type { Image, LayerBlob } from './image.ts';
import { LayerArchives } from './layer-archives.ts';
import { ownPlatform } from './platform.ts';
import type { PullRooms } from './pull.ts';

/** Layers that are here, from whatever images, one on the other: a hidden image, as a build's step is. */
export interface StackRequest {
  /** What they come to lie on. */
  below: Image | undefined;
  /** At least one; lowest first. */
  layers: readonly StackedLayer[];
  signal: AbortSignal;
}

export interface StackedLayer {
  layer: LayerBlob;
  /** What history says of it. */
  step: HistoryEntry;
}

/** Puts a layer on an image; each has files of its own, for what lies below it is another. Returns the image's id. */
export async function stackLayer(
  { below, layer, step, signal }: StackedLayer & Pick<StackRequest, 'below' | 'signal'>,
  rooms: Pick<PullRooms, 'content' | 'snapshots' | 'archive' | 'index' | 'layerHolds'>,
): Promise<Digest> {
  const tar = await tarIn(new LayerArchives(rooms).stream(layer), signal);
  const { architecture, os, variant } = below?.config ?? ownPlatform();
  const created = step.created ?? new Date().toISOString();
  const config = { architecture, os, ...(variant ? { variant } : {}), created };
  return commitLayer({ parent: below, tar, config, step, intermediate: true }, rooms);
}
