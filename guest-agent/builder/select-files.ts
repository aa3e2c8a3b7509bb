import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { EngineError } from '../../contracts/errors.ts';
import { hasGlob, pathTest } from './dockerfile/glob.ts';
import { ignorer } from './dockerfile/ignore.ts';
import { ancestors, cleanPath, type FileTree, type TreeEntry } from './file-tree.ts';

/** A source of COPY or ADD that is not there; each door has its own words for it. */
export class MissingSource extends EngineError {
  readonly path: string;

  constructor(path: string) {
    super(
      'not-found',
      `failed to compute cache key: failed to calculate checksum of ref: "/${cleanPath(path)}": not found`,
    );
    this.path = path;
  }
}

/** One thing that a source names: a file, or a directory with what is in it. */
export interface Selected {
  /** The name that it gets in a directory. */
  name: string;
  /** `--parents`: the directories that are made for it; else ''. */
  under: string;
  entry: TreeEntry;
  /** Of a directory: what is below it, by relative path. */
  contents: readonly { relative: string; entry: TreeEntry }[];
}

export interface Selection {
  sources: readonly string[];
  /** Patterns of what is left out. */
  exclude: readonly string[];
  /** `--parents`: the source's own directories are made, from `/./` on. */
  parents: boolean;
  /** What is taken, of all that is not left out; nothing: all. */
  include?: readonly string[];
  /** A source that is a link stays one. */
  keepsLinks?: boolean;
  /** Asterisks in sources are characters like others. */
  literal?: boolean;
}

/** What the sources name, in their order. @throws MissingSource */
export function selectFiles(tree: FileTree, selection: Selection): Selected[] {
  const { sources, exclude, parents } = selection;
  const ignored = ignorer(exclude);
  return sources.flatMap(source => {
    const matches = matchesOf(tree, source, selection);
    if (matches.length === 0) throw new MissingSource(source);
    return matches.flatMap(path => {
      const selected = select(tree, path, { ...selection, ignored });
      if (!selected) return [];
      return [parents ? { ...selected, under: underOf(source, path, selected.entry) } : selected];
    });
  });
}

/** What of the path `--parents` keeps: all of it, or what follows `/./`. */
function underOf(source: string, path: string, { type }: TreeEntry): string {
  const pivot = source.indexOf('/./');
  const cut = pivot === -1 ? 0 : cleanPath(source.slice(0, pivot)).length;
  const kept = cleanPath(path.slice(cut));
  return type === 'directory' ? kept : cleanPath(posix.dirname(`/${kept}`));
}

/** The paths that a source means. */
export function matchesOf(tree: FileTree, source: string, { literal, keepsLinks }: Partial<Selection> = {}): string[] {
  const wanted = cleanPath(source);
  if (literal || !hasGlob(source)) return placeOf(tree, wanted, keepsLinks) === undefined ? [] : [wanted];
  return tree.paths.filter(pathTest(wanted));
}

/** Where the file is that a path means. */
function placeOf(tree: FileTree, path: string, keepsLinks = false): string | undefined {
  if (!keepsLinks || path === '') return tree.resolve(path);
  const folder = tree.resolve(posix.dirname(`/${path}`));
  const place = folder === undefined ? undefined : cleanPath(`${folder}/${posix.basename(path)}`);
  return place !== undefined && tree.get(place) ? place : undefined;
}

interface Choice extends Pick<Selection, 'include' | 'keepsLinks'> {
  ignored: (path: string) => boolean;
}

function select(tree: FileTree, path: string, { ignored, include, keepsLinks }: Choice): Selected | undefined {
  const place = placeOf(tree, path, keepsLinks);
  const entry = place === undefined ? undefined : tree.get(place);
  if (place === undefined || !entry) return undefined;
  const name = posix.basename(path) || '/';
  if (entry.type !== 'directory')
    return ignored(name) || ignored(path) ? undefined : { name, under: '', entry, contents: [] };
  const from = place === '' ? 0 : place.length + 1;
  const contents = tree.below(place).flatMap(below => {
    const relative = below.slice(from);
    const found = tree.get(below);
    return found && !ignored(relative) && !ignored(below) ? [{ relative, entry: found }] : [];
  });
  return { name, under: '', entry, contents: include?.length ? included(contents, include) : contents };
}

/** Of what a directory holds, that which the patterns name, with the directories above it. */
function included(contents: Selected['contents'], patterns: readonly string[]): Selected['contents'] {
  const isNamed = ignorer(patterns);
  const named = contents.filter(({ relative }) => isNamed(relative));
  const kept = new Set(named.flatMap(({ relative }) => ancestors(relative)));
  return contents.filter(({ relative }) => kept.has(relative));
}

/** A name for what of the selection a step's result depends on: all but times. @throws MissingSource */
export const fingerprint = (tree: FileTree, selection: Selection): string =>
  tree.remember(JSON.stringify(selection), () => {
    const selected = selectFiles(tree, selection);
    return createHash('sha256')
      .update(JSON.stringify(selected.map(factsOf)))
      .digest('hex');
  });

const factsOf = ({ name, under, entry, contents }: Selected): unknown => [
  under,
  entry.type === 'directory' ? '' : name,
  facts(entry),
  contents.map(({ relative, entry: below }) => [relative, facts(below)]),
];

const facts = ({ type, mode, uid, gid, target, digest, device, attributes }: TreeEntry): unknown => [
  type,
  mode,
  uid,
  gid,
  target || digest,
  device.major,
  device.minor,
  attributes,
];
