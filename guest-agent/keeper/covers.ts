import { constants } from 'node:fs';
import { mkdirAt, mknodAt, openAt2, RESOLVE_BENEATH } from '../syscalls/file.ts';
import { changeMount, cloneTree, newFilesystem } from '../syscalls/mount.ts';
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from '../syscalls/mount-flags.ts';
import type { Child } from './child.ts';

const nullFile = 'null';
const emptyFolder = 'empty';
const characterDevice = 0o020000;

/**
 * A tmpfs of this child's own with a null device and an empty directory: what stands where a stream or a path is not to
 * be had. Never the host's /dev/null: a container may chmod and chown what it is given, and would change it for all.
 */
export function coversOf(child: Child): number {
  if (child.covers !== -1) return child.covers;
  const mount = newFilesystem('tmpfs', ['mode=711', 'nr_inodes=3'], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  mknodAt(mount, nullFile, characterDevice | 0o666, 1, 3);
  mkdirAt(mount, emptyFolder, 0o1777);
  child.covers = mount;
  return mount;
}

/** For a stream that leads nowhere. */
export const openNull = (child: Child): number => openAt2(coversOf(child), nullFile, constants.O_RDWR, RESOLVE_BENEATH);

/** To be mounted over a file. The covers must be mounted somewhere themselves: before Linux 6.15 only then are there copies. */
export const fileCover = (child: Child): number => cloneTree(coversOf(child), nullFile, false);

/** To be mounted over a directory. */
export function directoryCover(child: Child): number {
  const mount = cloneTree(coversOf(child), emptyFolder, false);
  changeMount(mount, { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV }, false, emptyFolder);
  return mount;
}
