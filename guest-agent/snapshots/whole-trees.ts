import { constants, existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type ChainId, hexOf } from '../../contracts/oci/digest.ts';
import { makeSubvolume, snapshotSubvolume } from '../syscalls/btrfs.ts';
import { AT_FDCWD, closeFd, openAt2, syncFileSystemOf, toBytes } from '../syscalls/file.ts';
import { copyStack, targetAt } from './copy-stack.ts';
import type { StorageDriver } from './snapshots.ts';
import type { Trash } from './trash.ts';

/** What a tree is made of. */
export interface Stack {
  top: ChainId | undefined;
  /** Directories, top first. */
  directories: string[];
}

/** Makes a container's root in one directory, for where overlayfs is not used. */
export interface WholeTrees {
  make(stack: Stack, tree: string): Promise<void>;
  /** A layer has gone. */
  forget(top: ChainId): void;
  /** A layer is not what it was. */
  forgetAll(): void;
}

export function wholeTrees(driver: StorageDriver, root: string, trash: Trash): WholeTrees {
  return driver === 'btrfs' ? new SnapshottedTrees(root, trash) : nothingKept;
}

const nothingKept: WholeTrees = { make: copyTree, forget: () => undefined, forgetAll: () => undefined };

async function copyTree({ directories }: Stack, tree: string): Promise<void> {
  mkdirSync(tree, { mode: 0o755 });
  await copyInto(tree, directories);
}

/** All layers in one tree. */
async function copyInto(tree: string, directories: readonly string[]): Promise<void> {
  await onFolders([...directories, tree], async folders => {
    for await (const _ of inTurns(copyStack(folders.slice(0, -1), targetAt(folders.at(-1) ?? -1))));
  });
}

/**
 * On btrfs an image's layers are put together once, when the first container asks for them (by reflinks: only names and
 * numbers take room), in a subvolume `trees/<hex of the chainId>`; each container's root is a snapshot of that.
 */
class SnapshottedTrees implements WholeTrees {
  readonly #folder: string;
  readonly #trash: Trash;
  readonly #inWork = new Map<string, Promise<void>>();

  constructor(root: string, trash: Trash) {
    this.#folder = join(root, 'trees');
    this.#trash = trash;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#folder)) if (name.endsWith('.new')) trash.take(join(this.#folder, name));
  }

  async make(stack: Stack, tree: string): Promise<void> {
    const whole = this.#pathOf(stack.top);
    if (!existsSync(whole)) await this.#putTogether(whole, stack);
    snapshotSubvolume(whole, tree);
  }

  forget(top: ChainId): void {
    this.#trash.take(this.#pathOf(top));
  }

  forgetAll(): void {
    for (const name of readdirSync(this.#folder)) this.#trash.take(join(this.#folder, name));
  }

  #pathOf(top: ChainId | undefined): string {
    return join(this.#folder, top === undefined ? 'empty' : hexOf(top));
  }

  #putTogether(whole: string, stack: Stack): Promise<void> {
    const known = this.#inWork.get(whole);
    if (known) return known;
    const work = this.#copyAndName(whole, stack).finally(() => this.#inWork.delete(whole));
    this.#inWork.set(whole, work);
    return work;
  }

  async #copyAndName(whole: string, { directories }: Stack): Promise<void> {
    const draft = `${whole}.new`;
    if (lstatSync(draft, { throwIfNoEntry: false })) this.#trash.take(draft);
    makeSubvolume(draft);
    await copyInto(draft, directories);
    await syncFileSystemOf(draft);
    renameSync(draft, whole);
  }
}

export async function onFolders<T>(paths: readonly string[], work: (folders: number[]) => Promise<T>): Promise<T> {
  const folders: number[] = [];
  try {
    for (const path of paths) folders.push(openFolder(path));
    return await work(folders);
  } finally {
    folders.forEach(closeFd);
  }
}

export const openFolder = (path: string): number =>
  openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY | constants.O_DIRECTORY, 0);

/** Lets the event loop breathe during a long walk. */
export async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T> {
  let count = 0;
  for (const item of items) {
    yield item;
    if (++count % 500 === 0) await new Promise(resolve => setImmediate(resolve));
  }
}
