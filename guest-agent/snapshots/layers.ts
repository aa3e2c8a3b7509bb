import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../base/json-file.ts';
import type { Log } from '../../base/log.ts';
import { syncFolderSync } from '../../base/sync.ts';
import { notFound } from '../../contracts/errors.ts';
import { type ChainId, hexOf, isDigest } from '../../contracts/oci/digest.ts';
import { syncFileSystemOf } from '../syscalls/file.ts';
import { spreadFoldersIn } from '../syscalls/inode-flags.ts';
import type { LayerArchive, LayerDraft, LayerInfo } from './snapshots.ts';
import type { Trash } from './trash.ts';
import { fileSizes } from './tree-diff.ts';

interface LayerDocument {
  version: 1;
  chainId: ChainId;
  parent?: ChainId;
  size: number;
  linkBytes?: number;
  archive?: LayerArchive;
  damaged?: boolean;
}

/** Committed layers, each a folder `<hex of the chainId>/{layer.json,diff}` that appeared by one rename. */
export class Layers {
  readonly #folder: string;
  readonly #drafts: string;
  readonly #trash: Trash;
  readonly #layers = new Map<ChainId, LayerInfo>();
  #counter = 0;

  constructor(root: string, trash: Trash, log: Log) {
    this.#folder = join(root, 'layers');
    this.#drafts = join(root, 'drafts');
    this.#trash = trash;
    for (const folder of [this.#folder, this.#drafts]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    spreadFoldersIn(this.#drafts);
    for (const name of readdirSync(this.#drafts)) trash.take(join(this.#drafts, name));
    for (const name of readdirSync(this.#folder)) this.#load(name, log);
  }

  #load(name: string, log: Log): void {
    const folder = join(this.#folder, name);
    try {
      const document = readJsonFile(join(folder, 'layer.json'));
      if (!isLayerDocument(document) || hexOf(document.chainId) !== name) throw new Error('not a layer');
      this.#add(document);
    } catch (error) {
      log.warn('removing a layer whose record cannot be read; pull its image again', { layer: name, error });
      this.#trash.take(folder);
    }
  }

  #add({ version: _, parent, ...layer }: LayerDocument): void {
    this.#layers.set(layer.chainId, { ...layer, parent });
  }

  all(): LayerInfo[] {
    return [...this.#layers.values()];
  }

  has(chainId: ChainId): boolean {
    const layer = this.#layers.get(chainId);
    return layer !== undefined && !layer.damaged;
  }

  /** @throws not-found */
  get(chainId: ChainId): LayerInfo {
    const layer = this.#layers.get(chainId);
    if (!layer) throw notFound(`layer does not exist: ${chainId}`);
    return layer;
  }

  directory(chainId: ChainId): string {
    return join(this.#folder, hexOf(chainId), 'diff');
  }

  /** See {@link Snapshots.packedFrom}. */
  packedFrom(chainId: ChainId) {
    const archive = this.has(chainId) ? this.get(chainId).archive : undefined;
    const folder = join(this.#folder, hexOf(chainId));
    return archive && { ...archive, directory: this.directory(chainId), recipe: join(folder, recipeName) };
  }

  /** Directories of a stack, top first. @throws not-found when one of it is missing */
  stack(top: ChainId | undefined): string[] {
    const directories: string[] = [];
    for (let next = top; next !== undefined; next = this.get(next).parent) directories.push(this.directory(next));
    return directories;
  }

  draft(): LayerDraft {
    const folder = join(this.#drafts, `${process.pid}-${this.#counter++}`);
    const directory = join(folder, 'diff');
    mkdirSync(folder, { mode: 0o700 });
    mkdirSync(directory);
    return {
      directory,
      recipe: join(folder, recipeName),
      commit: layer => this.#commit(folder, { version: 1, ...layer }),
      replace: layer => {
        this.remove(layer.chainId);
        return this.#commit(folder, { version: 1, ...layer });
      },
      abort: async () => this.#trash.take(folder),
    };
  }

  /** See {@link Snapshots.markDamaged}. */
  async markDamaged(chainId: ChainId): Promise<void> {
    const layer = this.#layers.get(chainId);
    if (!layer || layer.damaged) return;
    const document: LayerDocument = { version: 1, ...layer, damaged: true };
    await writeJsonFile(join(this.#folder, hexOf(chainId), 'layer.json'), document);
    this.#add(document);
  }

  /** What the files of a layer weigh is as it was told when it was made. */
  isWhole({ chainId, size }: LayerInfo): boolean {
    if (!existsSync(this.directory(chainId))) return false;
    const directory = openSync(this.directory(chainId), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      let found = 0;
      for (const bytes of fileSizes(directory, { regularOnly: true })) found += bytes;
      return found === size;
    } finally {
      closeSync(directory);
    }
  }

  async #commit(folder: string, document: LayerDocument): Promise<void> {
    if (document.parent !== undefined) this.get(document.parent);
    if (!document.archive) rmSync(join(folder, recipeName), { force: true });
    writeFileSync(join(folder, 'layer.json'), JSON.stringify(document), { mode: 0o600 });
    // One syncfs in place of ten thousand fsyncs; only then the rename that makes the layer real.
    await syncFileSystemOf(folder);
    if (this.#layers.get(document.chainId)?.damaged) this.remove(document.chainId);
    if (this.has(document.chainId) || existsSync(join(this.#folder, hexOf(document.chainId)))) {
      this.#trash.take(folder);
      return;
    }
    renameSync(folder, join(this.#folder, hexOf(document.chainId)));
    syncFolderSync(this.#folder);
    this.#add(document);
  }

  remove(chainId: ChainId): void {
    if (!this.#layers.delete(chainId)) return;
    this.#trash.take(join(this.#folder, hexOf(chainId)));
  }
}

const recipeName = 'recipe';

function isLayerDocument(value: unknown): value is LayerDocument {
  if (typeof value !== 'object' || value === null) return false;
  const { version, chainId, parent, size } = value as Partial<Record<keyof LayerDocument, unknown>>;
  const parentFits = parent === undefined || (typeof parent === 'string' && isDigest(parent));
  return version === 1 && typeof chainId === 'string' && isDigest(chainId) && parentFits && typeof size === 'number';
}
