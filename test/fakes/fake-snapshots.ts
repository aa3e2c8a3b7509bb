import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conflict } from '../../contracts/errors.ts';
import type { ChainId } from '../../contracts/oci/digest.ts';
import type { LayerArchive, LayerDraft, LayerInfo, Snapshots } from '../../guest-agent/snapshots/index.ts';

/** The layers' part of `Snapshots`, in memory; each draft is a real folder. */
export class FakeSnapshots {
  readonly committed = new Map<ChainId, LayerInfo>();
  readonly drafts = new Set<string>();
  readonly #folders = new Map<ChainId, string>();
  /** Layers that a container stands on. */
  readonly used = new Set<ChainId>();

  hasLayer(chainId: ChainId): boolean {
    return this.committed.has(chainId);
  }

  async prepareLayer(): Promise<LayerDraft> {
    const folder = mkdtempSync(join(tmpdir(), 'draft-'));
    const recipe = join(folder, 'recipe');
    this.drafts.add(folder);
    const keep = (layer: LayerInfo): void => {
      this.drafts.delete(folder);
      this.#folders.set(layer.chainId, folder);
      this.committed.set(layer.chainId, layer);
    };
    return {
      directory: folder,
      recipe,
      commit: async layer => {
        if (layer.parent && !this.committed.has(layer.parent)) throw new Error('the parent is not there');
        keep(layer);
      },
      replace: async layer => keep(layer),
      abort: async () => {
        this.drafts.delete(folder);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }

  packedFrom(chainId: ChainId): (LayerArchive & { directory: string; recipe: string }) | undefined {
    const archive = this.committed.get(chainId)?.archive;
    const directory = this.#folders.get(chainId) ?? '';
    return archive && { ...archive, directory, recipe: join(directory, 'recipe') };
  }

  async removeLayer(chainId: ChainId): Promise<void> {
    const child = [...this.committed.values()].some(layer => layer.parent === chainId);
    if (child || this.used.has(chainId)) throw conflict(`layer ${chainId} is in use`);
    this.committed.delete(chainId);
    rmSync(this.#folders.get(chainId) ?? '', { recursive: true, force: true });
  }

  layers(): LayerInfo[] {
    return [...this.committed.values()];
  }

  layerStack(chainId: ChainId): string[] {
    const { parent } = this.committed.get(chainId) ?? {};
    return [this.#folders.get(chainId) ?? '', ...(parent ? this.layerStack(parent) : [])];
  }

  layerSize(chainId: ChainId): number {
    return this.committed.get(chainId)?.size ?? 0;
  }

  close(): void {
    for (const folder of this.#folders.values()) rmSync(folder, { recursive: true, force: true });
  }

  asSnapshots(): Snapshots {
    return this as unknown as Snapshots;
  }
}
