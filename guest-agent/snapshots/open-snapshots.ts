import {
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { conflict, notFound } from '../../contracts/errors.ts';
import { type ChainId, hexOf, parseDigest } from '../../contracts/oci/digest.ts';
import { AT_FDCWD, closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { newFilesystem } from '../syscalls/mount.ts';
import { newWritableOverlay } from '../syscalls/overlay.ts';
import { attachMounts } from './attach.ts';
import { ensureInitLayer } from './init-layer.ts';
import { Layers } from './layers.ts';
import { overlayOptions, readonlyOptions, writableOptions } from './overlay.ts';
import type { Change, ExtraMount, LayerDraft, LayerInfo, OpenRootfs, RootfsMount, Snapshots } from './snapshots.ts';
import { Trash } from './trash.ts';
import { fileSizes, treeDiff } from './tree-diff.ts';

/** Opens the store under `root`, and removes what a crash left half-made. */
export async function openSnapshots({ root, log }: { root: string; log: Log }): Promise<Snapshots> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return new OverlaySnapshots(root, await ensureInitLayer(root), log);
}

/**
 * A container's folder is `containers/<id>/{upper,work,parent}`; `parent` is a symbolic link to the folder of the layer
 * it stands on. It is durable as a whole or not at all, for all of it is metadata.
 */
class OverlaySnapshots implements Snapshots {
  readonly driver = 'overlay2';
  readonly #containers: string;
  readonly #initLayer: string;
  readonly #layers: Layers;
  readonly #scratch: string;
  readonly #trash: Trash;
  readonly #parents = new Map<string, ChainId | undefined>();

  constructor(root: string, initLayer: string, log: Log) {
    this.#containers = join(root, 'containers');
    this.#initLayer = initLayer;
    this.#scratch = join(root, 'scratch');
    mkdirSync(this.#scratch, { recursive: true, mode: 0o700 });
    this.#trash = new Trash(join(root, 'trash'), log);
    this.#layers = new Layers(root, this.#trash, log);
    mkdirSync(this.#containers, { recursive: true, mode: 0o700 });
    for (const id of readdirSync(this.#containers)) this.#load(id);
  }

  #load(id: string): void {
    const folder = join(this.#containers, id);
    if (id.startsWith('.')) this.#trash.take(folder);
    else this.#parents.set(id, parentIn(folder));
  }

  hasLayer(chainId: ChainId): boolean {
    return this.#layers.has(chainId);
  }

  layers(): LayerInfo[] {
    return this.#layers.all();
  }

  async damagedLayers(): Promise<ChainId[]> {
    const damaged = this.#layers.all().filter(layer => {
      const isOrphan = layer.parent !== undefined && !this.#layers.has(layer.parent);
      return isOrphan || !this.#layers.isWhole(layer);
    });
    return damaged.map(({ chainId }) => chainId);
  }

  layerSize(chainId: ChainId): number {
    return this.#layers.get(chainId).size;
  }

  async prepareLayer(chainId: ChainId, parent: ChainId | undefined): Promise<LayerDraft> {
    return this.#layers.draft(chainId, parent);
  }

  async removeLayer(chainId: ChainId): Promise<void> {
    const child = this.#layers.all().find(layer => layer.parent === chainId);
    if (child) throw conflict(`layer ${chainId} is the parent of ${child.chainId}`);
    const user = [...this.#parents].find(([, parent]) => parent === chainId);
    if (user) throw conflict(`layer ${chainId} is used by container ${user[0]}`);
    this.#layers.remove(chainId);
  }

  async prepare(id: string, parent: ChainId | undefined): Promise<void> {
    this.#layers.stack(parent);
    const folder = join(this.#containers, id);
    if (this.#parents.has(id)) throw conflict(`snapshot ${id} exists already`);
    this.#parents.set(id, parent);
    try {
      const draft = join(this.#containers, `.${id}`);
      if (existsSync(draft)) this.#trash.take(draft);
      for (const directory of [draft, join(draft, 'work')]) mkdirSync(directory, { mode: 0o700 });
      mkdirSync(join(draft, 'upper'), { mode: 0o755 });
      if (parent !== undefined) symlinkSync(`../../layers/${hexOf(parent)}`, join(draft, 'parent'));
      renameSync(draft, folder);
    } catch (error) {
      this.#parents.delete(id);
      throw error;
    }
  }

  rootfs(id: string): RootfsMount {
    const parent = this.#parentOf(id);
    const folder = join(this.#containers, id);
    return {
      lowerdirs: [...this.#layers.stack(parent), this.#initLayer],
      upperdir: join(folder, 'upper'),
      workdir: join(folder, 'work'),
      options: [...overlayOptions],
    };
  }

  open(id: string, options: { writable?: boolean; mounts?: readonly ExtraMount[] } = {}): OpenRootfs {
    const { mounts = [], writable = false } = options;
    const rootfs = this.rootfs(id);
    const root =
      writable || mounts.length > 0
        ? newWritableOverlay(writableOptions(rootfs), rootfs.workdir)
        : newFilesystem('overlay', readonlyOptions(rootfs));
    const fd = attachMounts(root, mounts, this.#scratch);
    return { path: `/proc/self/fd/${fd}`, close: () => closeFd(fd) };
  }

  async size(id: string): Promise<number> {
    let total = 0;
    await this.#onUpper(id, async upper => {
      for await (const size of inTurns(fileSizes(upper))) total += size;
    });
    return total;
  }

  async changes(id: string): Promise<Change[]> {
    const changes: Change[] = [];
    const lowers = this.rootfs(id).lowerdirs.map(openFolder);
    try {
      await this.#onUpper(id, async upper => {
        for await (const change of inTurns(treeDiff(upper, lowers))) changes.push(change);
      });
    } finally {
      lowers.forEach(closeFd);
    }
    return changes;
  }

  async #onUpper(id: string, work: (upper: number) => Promise<void>): Promise<void> {
    const upper = openFolder(this.rootfs(id).upperdir);
    try {
      await work(upper);
    } finally {
      closeFd(upper);
    }
  }

  async remove(id: string): Promise<void> {
    if (!this.#parents.has(id)) return;
    this.#trash.take(join(this.#containers, id));
    this.#parents.delete(id);
  }

  ids(): string[] {
    return [...this.#parents.keys()];
  }

  #parentOf(id: string): ChainId | undefined {
    if (!this.#parents.has(id)) throw notFound(`snapshot ${id} does not exist`);
    return this.#parents.get(id);
  }
}

function parentIn(folder: string): ChainId | undefined {
  const link = join(folder, 'parent');
  if (!lstatSync(link, { throwIfNoEntry: false })) return undefined;
  return parseDigest(`sha256:${basename(readlinkSync(link))}`) as ChainId;
}

const openFolder = (path: string): number =>
  openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY | constants.O_DIRECTORY, 0);

/** Lets the event loop breathe during a long walk. */
async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T> {
  let count = 0;
  for (const item of items) {
    yield item;
    if (++count % 500 === 0) await new Promise(resolve => setImmediate(resolve));
  }
}
