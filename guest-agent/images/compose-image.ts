import type { Digest } from '../../contracts/oci/digest.ts';
import type { ImageConfig } from '../../contracts/oci/image-spec.ts';
import { chainIdsOf, digestOf } from './chain-ids.ts';
import type { Image } from './image.ts';
import type { PullRooms } from './pull.ts';

export interface ComposeRequest {
  /** Whose layers it has; nothing for an image without layers. */
  layersOf: Image | undefined;
  config: Omit<ImageConfig, 'rootfs'>;
  /** Hidden from every list: see `ImageRecord.intermediate`. */
  intermediate: boolean;
}

const documentOf = ({ layersOf, config }: Pick<ComposeRequest, 'layersOf' | 'config'>): string => {
  const document: ImageConfig = {
    ...config,
    rootfs: { type: 'layers', diff_ids: [...(layersOf?.config.rootfs.diff_ids ?? [])] },
  };
  return JSON.stringify(document);
};

/** What such an image would be called. */
export const idOfComposed = (request: Pick<ComposeRequest, 'layersOf' | 'config'>): Digest =>
  digestOf(documentOf(request));

/** An image of layers that are there and words of its own: the last step of a build. Returns its id. */
export async function composeImage(
  { layersOf, config, intermediate }: ComposeRequest,
  { content, index, layerHolds }: Pick<PullRooms, 'content' | 'index' | 'layerHolds'>,
): Promise<Digest> {
  const diffIds = layersOf?.config.rootfs.diff_ids ?? [];
  const layers = layersOf?.layers ?? [];
  const lease = content.lease();
  const release = layerHolds.take(chainIdsOf(diffIds));
  try {
    const text = documentOf({ layersOf, config });
    const id = digestOf(text);
    for (const digest of [id, ...layers.map(layer => layer.digest)]) lease.protect(digest);
    if (!content.has(id)) await content.put(Buffer.from(text));
    await index.update(draft => {
      const known = draft.images.get(id);
      if (known && (intermediate || !known.intermediate)) return;
      draft.images.set(id, { id, layers: index.fresh(layers), ...(intermediate ? { intermediate } : {}) });
    });
    return id;
  } finally {
    release();
    lease.release();
  }
}
