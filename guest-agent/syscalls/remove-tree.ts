import { constants, readdirSync } from 'node:fs';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  type ByteString,
  closeFd,
  openAt2,
  RESOLVE_BENEATH,
  renameAt,
  toBytes,
  unlinkAt,
} from './file.ts';
import { clearImmutable } from './inode-flags.ts';
import { isSyscallError } from './libc.ts';

const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A container may nest directories deeper than descriptors or the stack allow: below this they are moved to the top. */
const deepest = 100;

/** Names in an open directory, as byte strings. */
export const namesIn = (directory: number): ByteString[] =>
  readdirSync(`/proc/self/fd/${directory}`, { encoding: 'latin1' });

let moved = 0;

/** Removes `name` in `dir` with all that is below it. No symbolic link is followed; a missing name is fine. */
export function removeTreeAt(dir: number, name: ByteString): void {
  removeAt(dir, name, dir, 0);
}

/** {@link removeTreeAt} for an ordinary path of our own. */
export function removeTree(path: string): void {
  const cut = path.lastIndexOf('/');
  const parent = openAt2(AT_FDCWD, toBytes(cut <= 0 ? '/' : path.slice(0, cut)), openDirectory, 0);
  try {
    removeTreeAt(parent, toBytes(path.slice(cut + 1)));
  } finally {
    closeFd(parent);
  }
}

function removeAt(dir: number, name: ByteString, top: number, depth: number): void {
  try {
    unlinkAt(dir, name);
    return;
  } catch (error) {
    if (isSyscallError(error, 'ENOENT')) return;
    if (isSyscallError(error, 'EPERM') && unlocked(dir, name)) {
      removeAt(dir, name, top, depth);
      return;
    }
    if (!isSyscallError(error, 'EISDIR')) throw error;
  }
  if (depth >= deepest) {
    removeFromTop(dir, name, top);
    return;
  }
  emptyAt(dir, name, top, depth);
  unlinkAt(dir, name, AT_REMOVEDIR);
}

function emptyAt(dir: number, name: ByteString, top: number, depth: number): void {
  const directory = openAt2(dir, name, openDirectory, RESOLVE_BENEATH);
  try {
    clearImmutable(directory);
    for (const child of namesIn(directory)) removeAt(directory, child, top, depth + 1);
  } finally {
    closeFd(directory);
  }
}

function removeFromTop(dir: number, name: ByteString, top: number): void {
  const newName = `.removing-${process.pid}-${moved++}`;
  renameAt(dir, name, top, newName);
  removeAt(top, newName, top, 0);
}

/** chattr +i or +a on the file or on its directory stops unlink(2) with EPERM, even for root. */
function unlocked(dir: number, name: ByteString): boolean {
  let changed = false;
  for (const target of ['.', name]) {
    try {
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      const fd = openAt2(dir, target, flags, RESOLVE_BENEATH);
      changed = clearImmutable(fd) || changed;
      closeFd(fd);
    } catch (error) {
      if (!isSyscallError(error)) throw error;
    }
  }
  return changed;
}
