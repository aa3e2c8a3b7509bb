import type { Readable } from 'node:stream';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Archive, UnpackedLayer } from '../archive/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { LayerContents, Snapshots } from '../snapshots/index.ts';
import { ociLayerType } from './archived-images.ts';
import type { LayerBlob } from './image.ts';

/** A layer as its bytes are to be had here. */
export type LayerForm = Descriptor & Pick<LayerBlob, 'compression'>;

/**
 * The archives of layers. Packed layers are not kept: an archive is put together again from the files that came of it,
 * byte by byte. Only where that cannot be (it has two members of one name), its blob is kept as it came.
 */
export class LayerArchives {
  readonly #content: ContentStore;
  readonly #snapshots: Snapshots;
  readonly #archive: Archive;

  constructor({ content, snapshots, archive }: { content: ContentStore; snapshots: Snapshots; archive: Archive }) {
    this.#content = content;
    this.#snapshots = snapshots;
    this.#archive = archive;
  }

  /** True when all of the layer is here, for containers and for registries. */
  has(layer: LayerBlob): boolean {
    return this.#snapshots.hasLayer(layer.chainId) && (!this.needsBlob(layer) || this.#content.has(layer.digest));
  }

  /** False for a layer whose archive can be made from its files. */
  needsBlob({ chainId }: LayerBlob): boolean {
    return this.#snapshots.packedFrom(chainId) === undefined;
  }

  /** What {@link stream} gives. */
  form(layer: LayerBlob): LayerForm {
    const made = this.#snapshots.packedFrom(layer.chainId);
    if (!made) return layer;
    return { mediaType: ociLayerType('none'), digest: made.diffId as Digest, size: made.bytes, compression: 'none' };
  }

  stream(layer: LayerBlob): Readable {
    const made = this.#snapshots.packedFrom(layer.chainId);
    return made ? this.#archive.rebuildLayer(made) : this.#content.stream(layer.digest);
  }
}

/** What a snapshot is to know of a layer that was unpacked into it. */
export const contentsOf = ({ size, linkBytes, diffId, rebuiltBytes }: UnpackedLayer): LayerContents =>
  rebuiltBytes === undefined ? { size, linkBytes } : { size, linkBytes, archive: { diffId, bytes: rebuiltBytes } };
