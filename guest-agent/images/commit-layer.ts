import type { Readable } from 'node:stream';
import type { ChainId, DiffId, Digest } from '../../contracts/oci/digest.ts';
import type { HistoryEntry, ImageConfig } from '../../contracts/oci/image-spec.ts';
import type { Lease } from '../content/index.ts';
import { ociLayerType } from './archived-images.ts';
import { chainIdsOf, digestOf } from './chain-ids.ts';
import type { Image, LayerBlob } from './image.ts';
import { contentsOf } from './layer-archives.ts';
import type { PullRooms } from './pull.ts';

export interface CommitLayerRequest {
  /** What the layer lies on; nothing for an image of one layer. */
  parent: Image | undefined;
  /** The layer, not packed, with whiteouts. */
  tar: Readable;
  /** The new image's own words, besides its layers and its history's last step. */
  config: Omit<ImageConfig, 'rootfs' | 'history'>;
  step: HistoryEntry;
  /** For a build: no list shows the image, and a layer that holds nothing is a layer. */
  intermediate?: boolean;
}

/** A tar without members. */
const emptyLayer = digestOf(Buffer.alloc(1024));

type Rooms = Pick<PullRooms, 'content' | 'snapshots' | 'archive' | 'index' | 'layerHolds'>;

/** Makes an image of another one and a layer. All of it or nothing. Returns its id. */
export async function commitLayer(request: CommitLayerRequest, rooms: Rooms): Promise<Digest> {
  const { parent, tar, config, step, intermediate = false } = request;
  const { content, index, layerHolds } = rooms;
  const lease = content.lease();
  const letGo = [layerHolds.take(parent?.chainIds ?? [])];
  const guard = { lease, hold: (chainId: ChainId) => letGo.push(layerHolds.take([chainId])) };
  try {
    for (const { digest } of parent?.layers ?? []) lease.protect(digest);
    const layer = await storeLayer({ tar, parent, keepsEmpty: intermediate }, guard, rooms);
    const { diff_ids: below = [] } = parent?.config.rootfs ?? {};
    const document: ImageConfig = {
      ...config,
      rootfs: { type: 'layers', diff_ids: layer ? [...below, layer.diffId] : [...below] },
      history: [...(parent?.config.history ?? []), layer ? step : { ...step, empty_layer: true }],
    };
    const text = JSON.stringify(document);
    const id = digestOf(text);
    lease.protect(id);
    await content.put(Buffer.from(text));
    const layers = [...(parent?.layers ?? []), ...(layer ? [layer.blob] : [])];
    await index.update(draft => {
      if (!draft.images.has(id))
        draft.images.set(id, { id, layers: index.fresh(layers), ...(intermediate ? { intermediate } : {}) });
    });
    return id;
  } finally {
    for (const release of letGo) release();
    lease.release();
  }
}

/** What keeps a sweep away until a record names what was made. */
interface Guard {
  lease: Lease;
  hold(chainId: ChainId): void;
}

interface NewLayer {
  tar: Readable;
  parent: Image | undefined;
  keepsEmpty: boolean;
}

/** Undefined for a layer that holds nothing, unless that is wanted. */
async function storeLayer(
  { tar, parent, keepsEmpty }: NewLayer,
  { lease, hold }: Guard,
  { content, snapshots, archive }: Rooms,
): Promise<{ diffId: DiffId; blob: LayerBlob } | undefined> {
  const spool = await content.spool();
  try {
    for await (const chunk of tar) await spool.write(chunk as Buffer);
  } catch (error) {
    await spool.discard();
    throw error;
  }
  const file = await spool.finish();
  try {
    const { digest, size } = file;
    if (digest === emptyLayer && !keepsEmpty) return undefined;
    const diffId = digest as Digest as DiffId;
    const chainId = chainIdsOf([...(parent?.config.rootfs.diff_ids ?? []), diffId]).at(-1) as ChainId;
    lease.protect(digest);
    hold(chainId);
    const draft = await snapshots.prepareLayer();
    try {
      const request = {
        blob: file.readPath,
        compression: 'none',
        target: draft.directory,
        recipe: draft.recipe,
      } as const;
      const contents = contentsOf(await archive.unpackLayer({ ...request, expectedDiffId: diffId }));
      if (!contents.archive && !content.has(digest)) await file.commit();
      await draft.commit({ chainId, parent: parent?.topChainId, ...contents });
    } catch (error) {
      await draft.abort();
      throw error;
    }
    return { diffId, blob: { mediaType: ociLayerType('none'), digest, size, compression: 'none', chainId } };
  } finally {
    await file.close();
  }
}
