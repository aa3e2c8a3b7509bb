import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conflict } from '../../contracts/errors.ts';
import type { ChainId } from '../../contracts/oci/digest.ts';
import type { LayerDraft, LayerInfo, Snapshots } from '../../guest-agent/snapshots/index.ts';

/** The layers' part of `Snapshots`, in memory; each draft is a real folder. */
export class FakeSnapshots {
  readonly committed = new Map<ChainId, LayerInfo>();
  readonly drafts = new Set<string>();
  /** Layers that a container stands on. */
  readonly used = new Set<ChainId>();

  hasLayer(chainId: ChainId): boolean {
    return this.committed.has(chainId);
  }

  async prepareLayer(chainId: ChainId, parent: ChainId | undefined): Promise<LayerDraft> {
    const directory = mkdtempSync(join(tmpdir(), 'draft-'));
    this.drafts.add(directory);
    const end = (): void => {
      this.drafts.delete(directory);
      rmSync(directory, { recursive: true, force: true });
    };
    return {
      directory,
      commit: async size => {
        if (parent && !this.committed.has(parent)) throw new Error('the parent is not there');
        this.committed.set(chainId, { chainId, parent, size });
        end();
      },
      replace: async size => {
        this.committed.set(chainId, { chainId, parent, size });
        end();
      },
      abort: async () => end(),
    };
  }

  async removeLayer(chainId: ChainId): Promise<void> {
    const child = [...this.committed.values()].some(layer => layer.parent === chainId);
    if (child || this.used.has(chainId)) throw conflict(`layer ${chainId} is in use`);
    this.committed.delete(chainId);
  }

  layers(): LayerInfo[] {
    return [...this.committed.values()];
  }

  layerSize(chainId: ChainId): number {
    return this.committed.get(chainId)?.size ?? 0;
  }

  asSnapshots(): Snapshots {
    return this as unknown as Snapshots;
  }
}
