import { posix } from 'node:path';
import { invalidArgument } from '../../contracts/errors.ts';
import { ancestors, cleanPath, type Placed, plainEntry, type TreeEntry } from './file-tree.ts';
import type { Selected } from './select-files.ts';

/** What is at a path of the image now; links are followed. */
export type Look = (path: string) => 'directory' | 'other' | undefined;

export interface Placement {
  /** Absolute; a slash at its end makes it a directory. */
  destination: string;
  owner: { uid: number; gid: number } | undefined;
  /** `0755` or `u+x`. */
  mode: string | undefined;
  look: Look;
}

/** Where each file goes, directories before what they hold, as BuildKit places them. Pure. */
export function placeFiles(selected: readonly Selected[], placement: Placement): Placed[] {
  const { destination, look } = placement;
  const many = selected.length > 1 || selected.some(({ under }) => under !== '');
  const asDirectory = destination.endsWith('/') || many || look(destination) === 'directory';
  const places = new Places(placement);
  for (const each of selected) {
    const base = cleanPath(`${destination}/${each.under}`);
    if (each.entry.type === 'directory') places.directory(base, each, destination.endsWith('/') && each.under === '');
    else places.file(asDirectory ? cleanPath(`${base}/${each.name}`) : base, each.entry);
  }
  return places.placed;
}

class Places {
  readonly placed: Placed[] = [];
  readonly #placement: Placement;
  readonly #made = new Set<string>();

  constructor(placement: Placement) {
    this.#placement = placement;
  }

  file(path: string, entry: TreeEntry): void {
    this.#makeParents(posix.dirname(`/${path}`));
    this.#place(path, entry);
  }

  /** What a directory holds; itself only where there is none yet. */
  directory(base: string, { entry, contents }: Selected, plain: boolean): void {
    this.#makeParents(plain ? base : posix.dirname(`/${base}`));
    if (!this.#isThere(base)) this.#make(base, entry);
    this.#made.add(base);
    for (const { relative, entry: below } of contents) this.#place(cleanPath(`${base}/${relative}`), below);
  }

  #place(path: string, entry: TreeEntry): void {
    const { owner, mode } = this.#placement;
    this.placed.push({ path, entry: { ...entry, ...owner, mode: changedMode(entry, mode) } });
  }

  /** A directory for what is copied: owner and mode are the copy's, as in BuildKit, but for `u+x`. */
  #make(path: string, entry: TreeEntry): void {
    const { owner, mode = '' } = this.#placement;
    if (isOctal(mode)) this.#place(path, entry);
    else this.placed.push({ path, entry: { ...entry, ...owner } });
  }

  #makeParents(path: string): void {
    for (const directory of ancestors(path)) {
      if (this.#isThere(directory)) continue;
      this.#made.add(directory);
      this.#make(directory, plainEntry('directory'));
    }
  }

  #isThere(path: string): boolean {
    return path === '' || this.#made.has(path) || this.#placement.look(`/${path}`) !== undefined;
  }
}

const isOctal = (mode: string): boolean => /^[0-7]{1,4}$/.test(mode);

/** A link has no mode of its own. @throws invalid-argument */
function changedMode({ type, mode }: TreeEntry, change: string | undefined): number {
  if (change === undefined || type === 'symlink') return mode;
  if (isOctal(change)) return Number.parseInt(change, 8);
  return change.split(',').reduce((sum, clause) => symbolic(sum, clause, type === 'directory', change), mode);
}

const bits: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };
const shifts: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

function symbolic(mode: number, clause: string, isDirectory: boolean, whole: string): number {
  const [, who = '', sign = '', what = ''] = /^([ugoa]*)([+=-])([rwxX]*)$/.exec(clause) ?? [];
  if (sign === '') {
    throw invalidArgument(`invalid chmod parameter: '${whole}'. it should be octal string and between 0 and 07777`);
  }
  const classes = who === '' || who.includes('a') ? ['u', 'g', 'o'] : [...who];
  const wanted = [...what].reduce((sum, letter) => {
    if (letter === 'X') return sum | (isDirectory || (mode & 0o111) !== 0 ? 1 : 0);
    return sum | (bits[letter] ?? 0);
  }, 0);
  return classes.reduce((sum, each) => {
    const shift = shifts[each] ?? 0;
    if (sign === '+') return sum | (wanted << shift);
    if (sign === '-') return sum & ~(wanted << shift);
    return (sum & ~(7 << shift)) | (wanted << shift);
  }, mode);
}
