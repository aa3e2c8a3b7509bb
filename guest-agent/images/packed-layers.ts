import { createGzip } from 'node:zlib';
import { SingleFlight } from '../../base/single-flight.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore, Lease } from '../content/index.ts';
import { ociLayerType } from './archived-images.ts';
import type { LayerBlob } from './image.ts';
import type { ImageIndex } from './image-index.ts';

/**
 * Layers that came unpacked, from an archive or a container, on their way to a registry: packed once, and kept so from
 * then on, for the digest of a packed layer depends on who packs it.
 */
export class PackedLayers {
  readonly #content: ContentStore;
  readonly #index: ImageIndex;
  readonly #flights = new SingleFlight<Digest, LayerBlob>();

  constructor({ content, index }: { content: ContentStore; index: ImageIndex }) {
    this.#content = content;
    this.#index = index;
  }

  /** The layer, packed. The lease guards what is made until a record names it, and what it was made of. */
  packed(layer: LayerBlob, lease: Lease): Promise<LayerBlob> {
    lease.protect(layer.digest);
    if (layer.compression !== 'none') return Promise.resolve(layer);
    return this.#flights
      .run(layer.digest, () => this.#pack(layer, lease))
      .then(packed => {
        lease.protect(packed.digest); // another push may have made it
        return { ...packed, chainId: layer.chainId };
      });
  }

  async #pack(layer: LayerBlob, lease: Lease): Promise<LayerBlob> {
    const spool = await this.#content.spool();
    const packing = this.#content.stream(layer.digest).pipe(createGzip());
    try {
      for await (const chunk of packing) await spool.write(chunk as Buffer);
    } catch (error) {
      await spool.discard();
      throw error;
    }
    const file = await spool.finish();
    try {
      const { digest, size } = file;
      lease.protect(digest);
      if (!this.#content.has(digest)) await file.commit();
      const packed: LayerBlob = { ...layer, mediaType: ociLayerType('gzip'), compression: 'gzip', digest, size };
      await this.#remember(layer, packed);
      return packed;
    } finally {
      await file.close();
    }
  }

  /** In every image that has the layer; what it was made of is garbage then. */
  #remember(layer: LayerBlob, packed: LayerBlob): Promise<void> {
    return this.#index.update(draft => {
      for (const [id, record] of draft.images) {
        if (!record.layers.some(({ digest }) => digest === layer.digest)) continue;
        const layers = record.layers.map(other =>
          other.digest === layer.digest ? { ...packed, chainId: other.chainId } : other,
        );
        draft.images.set(id, { ...record, layers });
      }
    });
  }
}
