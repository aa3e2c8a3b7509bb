import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { ReadyFolders } from '../../base/ready-folders.ts';
import { conflict, notFound } from '../../contracts/errors.ts';
import { type ChainId, hexOf, parseDigest } from '../../contracts/oci/digest.ts';
import { AT_FDCWD, closeFd, type FileStatus, isDirectory } from '../syscalls/file.ts';
import { changeMount, cloneTree, newFilesystem } from '../syscalls/mount.ts';
import { newWritableOverlay } from '../syscalls/overlay.ts';
import { attachMounts, MOUNT_ATTR_RDONLY } from './attach.ts';
import { chooseDriver } from './driver.ts';
import { isMounted, mountFuse, unmountFuse } from './fuse-overlay.ts';
import { ensureInitLayer } from './init-layer.ts';
import { Layers } from './layers.ts';
import { overlayOptions, readonlyOptions, writableOptions } from './overlay.ts';
import type {
  Change,
  ExtraMount,
  LayerDraft,
  LayerInfo,
  OpenChanges,
  OpenRootfs,
  RootfsMount,
  Snapshots,
  StorageDriver,
} from './snapshots.ts';
import { Trash } from './trash.ts';
import { fileSizes, treeDiff } from './tree-diff.ts';
import { toChange, type WholeChange, wholeDiff, writeChanges } from './whole-diff.ts';
import { inTurns, onFolders, type WholeTrees, wholeTrees } from './whole-trees.ts';

export interface SnapshotsOptions {
  root: string;
  log: Log;
  /** Absent: overlayfs, or where the kernel refuses it snapshots of btrfs, fuse-overlayfs, or copies. */
  driver?: string;
}

/** Opens the store under `root`, and removes what a crash left half-made. @throws Error in dockerd's words for a driver that cannot be. */
export async function openSnapshots({ root, log, driver }: SnapshotsOptions): Promise<Snapshots> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const initLayer = await ensureInitLayer(root);
  return new LayeredSnapshots(root, { initLayer, driver: chooseDriver(root, { driver, log }), log });
}

/**
 * A container's folder is `containers/<id>/{upper,work,parent}`, `{tree,parent}`, or all four; `parent` is a symbolic link to the folder of the layer
 * it stands on. It is durable as a whole or not at all, for all of it is metadata.
 */
class LayeredSnapshots implements Snapshots {
  readonly driver: StorageDriver;
  readonly #containers: string;
  readonly #initLayer: string;
  readonly #layers: Layers;
  readonly #scratch: string;
  readonly #trash: Trash;
  readonly #trees: WholeTrees;
  readonly #parents = new Map<string, ChainId | undefined>();
  /** Containers whose root is one directory: a copy, or what fuse-overlayfs shows. */
  readonly #whole = new Set<string>();
  readonly #fused = new Set<string>();
  readonly #root: string;
  readonly #ready: ReadyFolders;
  #lastParent: ChainId | undefined;
  #scratches = 0;

  constructor(root: string, { initLayer, driver, log }: { initLayer: string; driver: StorageDriver; log: Log }) {
    this.driver = driver;
    this.#root = root;
    this.#containers = join(root, 'containers');
    this.#initLayer = initLayer;
    this.#scratch = join(root, 'scratch');
    mkdirSync(this.#scratch, { recursive: true, mode: 0o700 });
    this.#trash = new Trash(join(root, 'trash'), { log, subvolumes: driver === 'btrfs' });
    this.#trees = wholeTrees(driver, root, this.#trash);
    this.#layers = new Layers(root, this.#trash, log);
    mkdirSync(this.#containers, { recursive: true, mode: 0o700 });
    for (const id of readdirSync(this.#containers)) this.#load(id);
    this.#ready = new ReadyFolders(this.#containers, { fill: folder => this.#fill(folder), mode: 0o700, log });
  }

  #load(id: string): void {
    const folder = join(this.#containers, id);
    if (id.startsWith('.')) {
      this.#trash.take(folder);
      return;
    }
    this.#parents.set(id, parentIn(folder));
    if (!existsSync(join(folder, 'tree'))) return;
    this.#whole.add(id);
    if (existsSync(join(folder, 'upper'))) this.#fused.add(id);
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

  async markDamaged(chainId: ChainId): Promise<void> {
    await this.#layers.markDamaged(chainId);
    this.#trees.forgetAll();
  }

  layerSize(chainId: ChainId): number {
    const { size, linkBytes = 0 } = this.#layers.get(chainId);
    return size + linkBytes;
  }

  layerStack(chainId: ChainId): string[] {
    return this.#layers.stack(chainId);
  }

  packedFrom(chainId: ChainId) {
    return this.#layers.packedFrom(chainId);
  }

  async prepareLayer(): Promise<LayerDraft> {
    return this.#layers.draft();
  }

  async removeLayer(chainId: ChainId): Promise<void> {
    const child = this.#layers.all().find(layer => layer.parent === chainId);
    if (child) throw conflict(`layer ${chainId} is the parent of ${child.chainId}`);
    const user = [...this.#parents].find(([, parent]) => parent === chainId);
    if (user) throw conflict(`layer ${chainId} is used by container ${user[0]}`);
    this.#layers.remove(chainId);
    this.#trees.forget(chainId);
  }

  makeAhead(): void {
    if (this.driver === 'overlay2') this.#ready.open();
  }

  /** With the parent that was wanted last: whoever runs an image soon runs it again. */
  #fill(folder: string): void {
    makeUpper(folder);
    linkParent(folder, this.#lastParent);
  }

  async prepare(id: string, parent: ChainId | undefined): Promise<void> {
    this.#layers.stack(parent);
    const folder = join(this.#containers, id);
    if (this.#parents.has(id)) throw conflict(`snapshot ${id} exists already`);
    this.#parents.set(id, parent);
    try {
      this.#lastParent = parent;
      if (this.driver === 'overlay2') this.#ready.become(folder, draft => relinkParent(draft, parent));
      else await this.#prepareWhole(id, parent);
    } catch (error) {
      this.#parents.delete(id);
      throw error;
    }
  }

  async #prepareWhole(id: string, parent: ChainId | undefined): Promise<void> {
    const draft = join(this.#containers, `.${id}`);
    if (existsSync(draft)) this.#trash.take(draft);
    mkdirSync(draft, { mode: 0o700 });
    const isFused = this.driver === 'fuse-overlayfs';
    if (isFused) {
      makeUpper(draft);
      mkdirSync(join(draft, 'tree'), { mode: 0o755 });
    } else {
      const directories = [...this.#layers.stack(parent), this.#initLayer];
      await this.#trees.make({ top: parent, directories }, join(draft, 'tree'));
    }
    linkParent(draft, parent);
    renameSync(draft, join(this.#containers, id));
    this.#whole.add(id);
    if (isFused) this.#fused.add(id);
  }

  rootfs(id: string): RootfsMount {
    const parent = this.#parentOf(id);
    const folder = join(this.#containers, id);
    const tree = join(folder, 'tree');
    const isWhole = this.#whole.has(id);
    if (isWhole && !this.#fused.has(id))
      return { lowerdirs: [], upperdir: tree, workdir: '', options: [], directory: tree };
    return {
      ...(isWhole ? { directory: tree } : {}),
      lowerdirs: [...this.#layers.stack(parent), this.#initLayer],
      upperdir: join(folder, 'upper'),
      workdir: join(folder, 'work'),
      options: [...overlayOptions],
    };
  }

  stand(id: string): RootfsMount {
    const rootfs = this.rootfs(id);
    const { directory } = rootfs;
    if (directory !== undefined && this.#fused.has(id) && !isMounted(directory))
      mountFuse({ ...rootfs, directory }, this.#root);
    return rootfs;
  }

  rest(id: string): void {
    if (this.#fused.has(id)) unmountFuse(join(this.#containers, id, 'tree'));
  }

  layerFolders(id: string): string[] {
    const { directory } = this.rootfs(id);
    return directory === undefined ? this.#layers.stack(this.#parentOf(id)) : [directory];
  }

  open(id: string, options: { writable?: boolean; mounts?: readonly ExtraMount[] } = {}): OpenRootfs {
    const { mounts = [], writable = false } = options;
    const root = this.#openRoot(id, writable || mounts.length > 0);
    const fd = attachMounts(root, mounts, this.#scratch);
    return { path: `/proc/self/fd/${fd}`, close: () => closeFd(fd) };
  }

  /** What need not stand for a container stands but for a moment: whoever has the root open keeps it up. */
  #openRoot(id: string, writable: boolean): number {
    const { directory } = this.rootfs(id);
    const stands = directory !== undefined && isMounted(directory);
    try {
      return openRoot(this.stand(id), writable);
    } finally {
      if (!stands) this.rest(id);
    }
  }

  async size(id: string): Promise<number> {
    let total = 0;
    if (this.#whole.has(id)) {
      const seen = new Set<string>();
      await this.#onWhole(id, async changes => {
        for (const { entry } of changes) if (entry) total += sizeOnce(entry.status, seen);
      });
      return total;
    }
    await onFolders([this.rootfs(id).upperdir], async ([upper = -1]) => {
      for await (const size of inTurns(fileSizes(upper))) total += size;
    });
    return total;
  }

  async changes(id: string): Promise<Change[]> {
    const found: Change[] = [];
    if (this.#whole.has(id)) {
      await this.#onWhole(id, async changes => {
        for (const change of changes) found.push(toChange(change));
      });
      return found;
    }
    const { upperdir, lowerdirs } = this.rootfs(id);
    await onFolders([upperdir, ...lowerdirs], async ([upper = -1, ...lowers]) => {
      for await (const change of inTurns(treeDiff(upper, lowers))) found.push(change);
    });
    return found;
  }

  async openChanges(id: string): Promise<OpenChanges> {
    const { upperdir } = this.rootfs(id);
    if (!this.#whole.has(id)) return { path: upperdir, close: () => undefined };
    const path = join(this.#containers, `.changes-${id}-${process.pid}-${++this.#scratches}`);
    mkdirSync(path, { mode: 0o755 });
    await onFolders([path], ([target = -1]) =>
      this.#onWhole(id, async changes => {
        for await (const _ of inTurns(writeChanges(changes, target)));
      }),
    );
    return { path, close: () => this.#trash.take(path) };
  }

  /** What a root in one directory has otherwise than what it was made of. */
  async #onWhole(id: string, work: (changes: Iterable<WholeChange>) => Promise<void>): Promise<void> {
    const stack = [...this.#layers.stack(this.#parentOf(id)), this.#initLayer];
    const root = this.open(id);
    try {
      await onFolders([root.path, ...stack], async ([tree = -1, ...lowers]) => work(wholeDiff(tree, lowers)));
    } finally {
      root.close();
    }
  }

  async remove(id: string): Promise<void> {
    if (!this.#parents.has(id)) return;
    this.rest(id);
    this.#trash.take(join(this.#containers, id));
    this.#parents.delete(id);
    this.#whole.delete(id);
    this.#fused.delete(id);
  }

  ids(): string[] {
    return [...this.#parents.keys()];
  }

  #parentOf(id: string): ChainId | undefined {
    if (!this.#parents.has(id)) throw notFound(`snapshot ${id} does not exist`);
    return this.#parents.get(id);
  }
}

function makeUpper(draft: string): void {
  mkdirSync(join(draft, 'work'), { mode: 0o700 });
  mkdirSync(join(draft, 'upper'), { mode: 0o755 });
}

function linkParent(draft: string, parent: ChainId | undefined): void {
  if (parent !== undefined) symlinkSync(`../../layers/${hexOf(parent)}`, join(draft, 'parent'));
}

function relinkParent(draft: string, parent: ChainId | undefined): void {
  const linked = parentIn(draft);
  if (linked === parent) return;
  if (linked !== undefined) unlinkSync(join(draft, 'parent'));
  linkParent(draft, parent);
}

/** A detached mount of a container's root. */
function openRoot(rootfs: RootfsMount, writable: boolean): number {
  if (rootfs.directory !== undefined) {
    const tree = cloneTree(AT_FDCWD, rootfs.directory, false);
    if (!writable) changeMount(tree, { set: MOUNT_ATTR_RDONLY }, false, rootfs.directory);
    return tree;
  }
  if (writable) return newWritableOverlay(writableOptions(rootfs), rootfs.workdir);
  return newFilesystem('overlay', readonlyOptions(rootfs));
}

/** A file's size, once however many names it has; what is no file weighs nothing, but a link its length. */
function sizeOnce({ mode, links, identity, size }: FileStatus, seen: Set<string>): number {
  if (isDirectory(mode) || seen.has(identity)) return 0;
  if (links > 1) seen.add(identity);
  return size;
}

function parentIn(folder: string): ChainId | undefined {
  const link = join(folder, 'parent');
  if (!lstatSync(link, { throwIfNoEntry: false })) return undefined;
  return parseDigest(`sha256:${basename(readlinkSync(link))}`) as ChainId;
}
