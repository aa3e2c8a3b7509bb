import { constants, statSync } from 'node:fs';
import { posix } from 'node:path';
import {
  AT_FDCWD,
  closeFd,
  mkdirAt,
  O_PATH,
  openAt2,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  toBytes,
} from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { attachMount, changeMount, cloneTree, unmount } from '../syscalls/mount.ts';
import type { ExtraMount } from './snapshots.ts';

const inRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
export const MOUNT_ATTR_RDONLY = 1;

/**
 * Puts volumes and binds into a detached root, for `docker cp` of a container that does not run. Linux 6.15 can mount on
 * a detached tree; before, the tree must stand somewhere for an instant: at `scratch`, in one synchronous block.
 * Takes `root` over and returns the descriptor of the whole tree.
 */
export function attachMounts(root: number, mounts: readonly ExtraMount[], scratch: string): number {
  const parentsFirst = [...mounts].sort((left, right) => (left.destination < right.destination ? -1 : 1));
  try {
    for (const mount of parentsFirst) attachOne(root, mount);
    return root;
  } catch (error) {
    if (isSyscallError(error, 'EINVAL') && error.call === 'move_mount')
      return attachStanding(root, parentsFirst, scratch);
    closeFd(root);
    throw error;
  }
}

/** {@link attachMounts} for kernels before 6.15. */
export function attachStanding(root: number, mounts: readonly ExtraMount[], scratch: string): number {
  const place = openAt2(AT_FDCWD, toBytes(scratch), O_PATH | constants.O_DIRECTORY, 0);
  try {
    attachMount(root, place, scratch);
    try {
      for (const mount of mounts) attachOne(root, mount);
      return cloneTree(AT_FDCWD, scratch, true);
    } finally {
      unmount(scratch);
    }
  } finally {
    closeFd(place);
    closeFd(root);
  }
}

function attachOne(root: number, { source, destination, readonly }: ExtraMount): void {
  const target = ensureTarget(root, toBytes(posix.normalize(destination)), statSync(source).isDirectory());
  try {
    const mount = cloneTree(AT_FDCWD, source, true);
    try {
      if (readonly) changeMount(mount, { set: MOUNT_ATTR_RDONLY }, true, destination);
      attachMount(mount, target, destination);
    } finally {
      closeFd(mount);
    }
  } finally {
    closeFd(target);
  }
}

/** What is to be mounted on, made as at a start where it is missing. */
function ensureTarget(root: number, path: string, directory: boolean): number {
  try {
    return openAt2(root, path, O_PATH, inRoot);
  } catch (error) {
    if (!isSyscallError(error, 'ENOENT')) throw error;
  }
  const parent = ensureTarget(root, posix.dirname(path), true);
  try {
    const name = posix.basename(path);
    if (directory) mkdirAt(parent, name, 0o755);
    else closeFd(openAt2(parent, name, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0, 0o755));
  } finally {
    closeFd(parent);
  }
  return openAt2(root, path, O_PATH, inRoot);
}
