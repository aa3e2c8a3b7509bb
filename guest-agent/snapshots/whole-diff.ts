import { type ByteString, closeFd, findStatAt, isDirectory, setTimesAt, toText } from '../syscalls/file.ts';
import { namesIn } from '../syscalls/remove-tree.ts';
import { makeWhiteout } from '../syscalls/whiteout.ts';
import { copyEntry, type Entry, openFolderAt, targetAt } from './copy-stack.ts';
import { type Change, changeKinds } from './snapshots.ts';
import { differs, findLower, openLowers } from './tree-diff.ts';

/** A change of a whole tree against what it was copied from; `entry` is what is there now, and stands still only for the moment. */
export interface WholeChange {
  kind: Change['kind'];
  path: ByteString;
  entry: Entry | undefined;
}

/** What the tree open at `tree` has otherwise than the stack `lowers` (top first) that it was copied from, parents first. */
export function* wholeDiff(tree: number, lowers: number[], path: ByteString = ''): Generator<WholeChange> {
  // fuse-overlayfs 1.10 finds by name what it does not list: what an opaque directory hides.
  const here = new Set(namesIn(tree));
  for (const name of [...new Set([...here, ...lowers.flatMap(namesIn)])].sort()) {
    const child = `${path}/${name}`;
    const status = here.has(name) ? findStatAt(tree, name) : undefined;
    const before = findLower(lowers, name)?.status;
    if (!status) {
      if (before) yield { kind: changeKinds.deleted, path: child, entry: undefined };
      continue;
    }
    const entry = { directory: tree, name, status };
    const change: WholeChange = { kind: before ? changeKinds.modified : changeKinds.added, path: child, entry };
    let told = !before || differs(before, status);
    if (told) yield change;
    if (!isDirectory(status.mode)) continue;
    const directory = openFolderAt(tree, name);
    const below = before && isDirectory(before.mode) ? openLowers(lowers, name) : [];
    try {
      for (const inner of wholeDiff(directory, below, child)) {
        if (!told) yield change;
        told = true;
        yield inner;
      }
    } finally {
      for (const fd of [directory, ...below]) closeFd(fd);
    }
  }
}

export const toChange = ({ kind, path }: WholeChange): Change => ({ kind, path: toText(path) });

/** Writes the changes as overlayfs would have them in an upper directory: into the empty one open at `root`. */
export function* writeChanges(changes: Iterable<WholeChange>, root: number): Generator<void> {
  const whole = targetAt(root);
  const folders: { path: ByteString; entry: Entry }[] = [];
  for (const { path, entry } of changes) {
    const below = path.slice(1);
    const cut = below.lastIndexOf('/');
    const directory = openFolderAt(root, cut === -1 ? '.' : below.slice(0, cut));
    try {
      if (entry) copyEntry(entry, { ...whole, directory }, below);
      else makeWhiteout(directory, below.slice(cut + 1));
    } finally {
      closeFd(directory);
    }
    if (entry && isDirectory(entry.status.mode)) folders.push({ path: below, entry });
    yield;
  }
  for (const { path, entry } of folders) setTimesAt(root, path, entry.status.mtime);
}
