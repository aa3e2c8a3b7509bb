import { hexOf } from '../../contracts/oci/digest.ts';
import type { Archive, UnpackedLayer } from '../archive/index.ts';
import type { IngestedBlob, Spool } from '../content/index.ts';
import type { LayerDraft, Snapshots } from '../snapshots/index.ts';
import { compressionOfBytes } from './compression-in.ts';

/** A file of an archive that is being unpacked, for it may well be a layer. */
export interface EarlyLayer {
  draft: LayerDraft;
  unpacked: Promise<UnpackedLayer>;
}

/** Below this, looking takes as long as unpacking. */
const worthIt = 1 << 20;
const jsonBegins = ['{', '['];

/**
 * Layers are unpacked while the archive that has them is still being read; what they are, only its last files tell. What
 * nobody takes in the end is thrown away.
 */
export class EarlyLayers {
  readonly #snapshots: Snapshots;
  readonly #archive: Archive;
  readonly #signal: AbortSignal;
  readonly #given = new AbortController();
  readonly #begun = new Map<IngestedBlob, EarlyLayer>();
  readonly #orphans = new Set<EarlyLayer>();

  constructor(rooms: { snapshots: Snapshots; archive: Archive }, signal: AbortSignal) {
    this.#snapshots = rooms.snapshots;
    this.#archive = rooms.archive;
    this.#signal = AbortSignal.any([signal, this.#given.signal]);
  }

  /** Looks at a file of so many bytes, of which `start` are the first, and perhaps begins. */
  async begin(file: { name: string; size: number; start: Buffer }, spool: Spool): Promise<EarlyLayer | undefined> {
    if (file.size < worthIt || jsonBegins.includes(file.start.toString('latin1', 0, 1))) return undefined;
    if (this.#isKnown(file.name)) return undefined;
    const draft = await this.#snapshots.prepareLayer();
    const unpacked = this.#archive.unpackLayer({
      blob: spool.readPath,
      growth: spool.growth(),
      compression: compressionOfBytes(file.start),
      target: draft.directory,
      recipe: draft.recipe,
      signal: this.#signal,
    });
    unpacked.catch(() => undefined); // told to whoever takes it
    const layer = { draft, unpacked };
    this.#orphans.add(layer);
    return layer;
  }

  /** The file is complete: whoever wants it as a layer finds it under its blob. */
  keep(blob: IngestedBlob, layer: EarlyLayer): void {
    this.#begun.set(blob, layer);
  }

  /** Once: then the draft is the caller's. */
  take(blob: IngestedBlob): EarlyLayer | undefined {
    const layer = this.#begun.get(blob);
    this.#begun.delete(blob);
    if (layer) this.#orphans.delete(layer);
    return layer;
  }

  async close(): Promise<void> {
    this.#given.abort();
    for (const { draft, unpacked } of this.#orphans) {
      await unpacked.catch(() => undefined);
      await draft.abort();
    }
  }

  /** Names by digest tell of a layer that is here already. */
  #isKnown(name: string): boolean {
    const hex = /[0-9a-f]{64}/.exec(name)?.[0];
    return this.#snapshots.layers().some(({ archive }) => archive && hexOf(archive.diffId) === hex);
  }
}
