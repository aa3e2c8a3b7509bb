import type { TreeEntry } from './file-tree.ts';

/** Names of a tree's files and what is behind them. Trees that are the same share one, until one of them changes. */
export class TreeListing {
  readonly #entries: Map<string, TreeEntry>;
  readonly #remembered = new Map<string, string>();
  #sorted: readonly string[] | undefined;
  #isShared = false;

  constructor(entries: Iterable<readonly [string, TreeEntry]> = []) {
    this.#entries = new Map(entries);
  }

  get entries(): ReadonlyMap<string, TreeEntry> {
    return this.#entries;
  }

  /** For one more tree: from now on nobody changes it. */
  share(): this {
    this.#isShared = true;
    return this;
  }

  /** The listing with the change made: this one, or a copy where others have it too. */
  changed(change: (entries: Map<string, TreeEntry>) => void): TreeListing {
    if (this.#isShared) return new TreeListing(this.#entries).changed(change);
    this.#sorted = undefined;
    this.#remembered.clear();
    change(this.#entries);
    return this;
  }

  /** All paths but the root's, a directory before what it holds. */
  get paths(): readonly string[] {
    this.#sorted ??= sortedByParts([...this.#entries.keys()].filter(path => path !== ''));
    return this.#sorted;
  }

  /** What `make` says of these files: worked out once, as long as they stay as they are. */
  remember(key: string, make: () => string): string {
    const known = this.#remembered.get(key) ?? make();
    this.#remembered.set(key, known);
    return known;
  }
}

/** Directories sort before their contents, whatever characters names have. What a client sends is in this order already. */
function sortedByParts(paths: string[]): string[] {
  const keys = paths.map(path => path.replaceAll('/', '\0'));
  const isSorted = keys.every((key, at) => at === 0 || (keys[at - 1] ?? '') < key);
  return isSorted ? paths : keys.sort().map(key => key.replaceAll('\0', '/'));
}
