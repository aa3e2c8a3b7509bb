import { constants, copyFileSync } from 'node:fs';
import {
  type ByteString,
  chmodPathFd,
  chownAt,
  closeFd,
  type FileStatus,
  isDirectory,
  isRegular,
  isSymlink,
  linkAt,
  mkdirAt,
  mknodAt,
  O_PATH,
  openAt2,
  RESOLVE_BENEATH,
  readLinkAt,
  setTimesAt,
  statAt,
  symlinkAt,
} from '../syscalls/file.ts';
import { namesIn } from '../syscalls/remove-tree.ts';
import { isLayerMark } from '../syscalls/whiteout.ts';
import { getXattrAt, listXattrsAt, setXattrAt } from '../syscalls/xattr.ts';
import { findLower, openLowers } from './tree-diff.ts';

/** Where a copy goes: the directory, and the root that hard links are made from. */
interface Target {
  directory: number;
  root: number;
  /** Files with several names that were copied: identity → path below the root. */
  linked: Map<string, ByteString>;
}

/** A copy into the directory open at `root`. */
export const targetAt = (root: number): Target => ({ directory: root, root, linked: new Map() });

/**
 * Copies what overlayfs would show of the directories `lowers` (top first) into `target`, for where it cannot be mounted;
 * contents by reflink where the file system can. Yields after each entry, so that others get their turn.
 */
export function* copyStack(lowers: number[], target: Target, path: ByteString = ''): Generator<void> {
  for (const name of new Set(lowers.flatMap(namesIn))) {
    const found = findLower(lowers, name);
    if (!found) continue;
    const child = path === '' ? name : `${path}/${name}`;
    copyEntry({ ...found, name }, target, child);
    yield;
    if (!isDirectory(found.status.mode)) continue;
    const below = openLowers(lowers, name);
    const directory = openFolderAt(target.directory, name);
    try {
      yield* copyStack(below, { ...target, directory }, child);
      setTimesAt(directory, '', found.status.mtime);
    } finally {
      for (const fd of [directory, ...below]) closeFd(fd);
    }
  }
  const [top] = lowers;
  if (path === '' && top !== undefined)
    takeOver({ directory: top, name: '', status: statAt(top, '') }, target.root, '');
}

export const openFolderAt = (directory: number, name: ByteString): number =>
  openAt2(directory, name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW, RESOLVE_BENEATH);

/** A name in a directory, and what it is. */
export interface Entry {
  directory: number;
  name: ByteString;
  status: FileStatus;
}

/** Copies one entry, a directory without what it holds. `path` is its own below the target's root. */
export function copyEntry(entry: Entry, { directory, root, linked }: Target, path: ByteString): void {
  const { name, status } = entry;
  const former = status.links > 1 ? linked.get(status.identity) : undefined;
  if (former !== undefined && !isDirectory(status.mode)) {
    linkAt(root, former, directory, name);
    return;
  }
  if (isDirectory(status.mode)) mkdirAt(directory, name, 0o700);
  else if (isRegular(status.mode)) {
    copyFileSync(pathIn(entry.directory, name), pathIn(directory, name), constants.COPYFILE_FICLONE);
  } else if (isSymlink(status.mode)) symlinkAt(readLinkAt(entry.directory, name), directory, name);
  else mknodAt(directory, name, status.mode, status.device.major, status.device.minor);
  linked.set(status.identity, path);
  takeOver(entry, directory, name);
}

/** Owner before mode and capabilities: chown(2) takes those away. */
function takeOver({ directory: from, name, status }: Entry, directory: number, target: ByteString): void {
  chownAt(directory, target, status.uid, status.gid);
  if (!isSymlink(status.mode)) {
    const fd = openAt2(directory, target || '.', O_PATH | constants.O_NOFOLLOW, RESOLVE_BENEATH);
    chmodPathFd(fd, status.mode & 0o7777);
    closeFd(fd);
  }
  for (const attribute of listXattrsAt(from, name)) {
    const value = isLayerMark(attribute) ? undefined : getXattrAt(from, name, attribute);
    if (value) setXattrAt(directory, target, attribute, value);
  }
  setTimesAt(directory, target, status.mtime);
}

const pathIn = (directory: number, name: ByteString): Buffer =>
  Buffer.from(`/proc/self/fd/${directory}/${name}`, 'latin1');
