import { posix } from 'node:path';
import { invalidArgument } from '../../contracts/errors.ts';
import { isOctal, type ModeChange, readModeChange } from './file-mode.ts';
import { ancestors, cleanPath, type Placed, plainEntry, type TreeEntry } from './file-tree.ts';
import type { Selected } from './select-files.ts';

/** What is at a path of a root; `follows`: links are, the last one too. */
export type Look = (path: string, follows: boolean) => 'directory' | 'other' | undefined;

/** The image's files as they are now. */
export interface RootView {
  look: Look;
  /** Where a path leads when all links are followed, whether anything is there or not. */
  follow(path: string): string;
}

export interface Placement {
  /** Absolute; a slash at its end makes it a directory. */
  destination: string;
  owner: { uid: number; gid: number } | undefined;
  /** `0755` or `u+x`. */
  mode: string | undefined;
  root: RootView;
  /** What is in the way goes: archives are taken apart so. */
  replaces?: boolean;
}

/**
 * Where each file goes, directories before what they hold, as BuildKit places them: one source after the other, so that the
 * first may make the directory that takes the next. @throws invalid-argument where a directory stands in a file's way, or a
 * file in a directory's
 */
export function placeFiles(selected: readonly Selected[], placement: Placement): Placed[] {
  const isFolder = placement.destination.endsWith('/');
  const destination = cleanPath(placement.root.follow(`/${cleanPath(placement.destination)}`));
  const places = new Places(placement);
  for (const each of selected) {
    const base = cleanPath(`${destination}/${each.under}`);
    if (each.entry.type === 'directory') places.directory(base, each, isFolder && each.under === '');
    else {
      const isInside = isFolder || each.under !== '' || places.isDirectory(base);
      places.file(isInside ? cleanPath(`${base}/${each.name}`) : base, each.entry);
    }
  }
  return places.placed;
}

class Places {
  readonly #placed = new Map<string, Placed>();
  readonly #placement: Placement;
  readonly #change: ModeChange | undefined;
  /** Directories that this made, or found. */
  readonly #folders = new Map<string, 'made' | 'found'>([['', 'found']]);
  #copies = 0;

  constructor(placement: Placement) {
    this.#placement = placement;
    this.#change = placement.mode ? readModeChange(placement.mode) : undefined;
  }

  get placed(): Placed[] {
    return [...this.#placed.values()];
  }

  /** A file that is named for itself is one for itself. */
  file(path: string, { inode: _, ...entry }: TreeEntry): void {
    this.#makeParents(parentOf(path));
    this.#place(path, entry);
  }

  /** What a directory holds, names of one file as such; itself only where there is none yet. */
  directory(base: string, { entry, contents }: Selected, plain: boolean): void {
    this.#makeParents(plain ? base : parentOf(base));
    if (!this.isDirectory(base)) this.#makeFolder(base, entry);
    this.#copies++;
    for (const { relative, entry: below } of contents) {
      const path = cleanPath(`${base}/${relative}`);
      this.#place(path, below.inode === undefined ? below : { ...below, inode: `${this.#copies} ${below.inode}` });
    }
  }

  isDirectory(path: string): boolean {
    if (this.#folders.has(path)) return true;
    if (this.#placed.has(path) || this.#placement.root.look(`/${path}`, true) !== 'directory') return false;
    this.#folders.set(path, 'found');
    return true;
  }

  #place(path: string, entry: TreeEntry): void {
    this.#checkWay(path, entry.type === 'directory');
    const mode = this.#change && entry.type !== 'symlink' ? this.#change(entry.mode, isFolder(entry)) : entry.mode;
    this.#put(path, { ...entry, ...this.#placement.owner, mode });
  }

  /** A directory for what is copied: owner and mode are the copy's, as in BuildKit, but for `u+x`. */
  #makeFolder(path: string, entry: TreeEntry): void {
    if (isOctal(this.#placement.mode ?? '')) this.#place(path, entry);
    else {
      this.#checkWay(path, true);
      this.#put(path, { ...entry, ...this.#placement.owner });
    }
  }

  #put(path: string, entry: TreeEntry): void {
    if (entry.type === 'directory') this.#folders.set(path, this.#folders.get(path) ?? 'made');
    this.#placed.set(path, { path, entry });
  }

  #makeParents(path: string): void {
    for (const directory of ancestors(path)) {
      if (this.isDirectory(directory)) continue;
      if (this.#isTaken(directory)) throw invalidArgument(`mkdir /${directory}: not a directory`);
      this.#makeFolder(directory, plainEntry('directory'));
    }
  }

  #isTaken(path: string): boolean {
    return this.#placed.has(path) || this.#placement.root.look(`/${path}`, true) !== undefined;
  }

  /** Nothing can be in the way in a directory that this made. */
  #checkWay(path: string, isDirectory: boolean): void {
    if (this.#placement.replaces) return;
    const placed = this.#placed.get(path)?.entry;
    if (!placed && this.#folders.get(parentOf(path)) === 'made') return;
    const there = placed ? (isFolder(placed) ? 'directory' : 'other') : this.#placement.root.look(`/${path}`, false);
    if (isDirectory && there === 'other') throw invalidArgument(`cannot copy to non-directory: /${path}`);
    if (!isDirectory && there === 'directory') throw invalidArgument(`cannot replace to directory /${path} with file`);
    if (isDirectory && there === 'directory') this.#folders.set(path, this.#folders.get(path) ?? 'found');
  }
}

const isFolder = ({ type }: TreeEntry): boolean => type === 'directory';
const parentOf = (path: string): string => cleanPath(posix.dirname(`/${path}`));
