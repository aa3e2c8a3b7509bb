import { constants } from 'node:fs';
import { AT_FDCWD, closeFd, openAt2, toBytes } from './file.ts';
import { ioctl } from './ioctl.ts';

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const immutableOrAppendOnly = 0x10 | 0x20;
const topOfHierarchies = 0x20000;

/** Takes off what `chattr +i` and `+a` put on, so that a file can be removed. True if it changed anything. */
export const clearImmutable = (fd: number): boolean => changeFlags(fd, flags => flags & ~immutableOrAppendOnly);

/**
 * As `chattr +T`: ext4 then puts each folder made in the directory at `path` elsewhere on the disk. Otherwise they lie where
 * former ones lay, and as ext4 gives no inode away again in the minutes after it was deleted, each new file costs
 * a search past all of them: twenty times what it costs elsewhere. Other file systems ignore it.
 */
export function spreadFoldersIn(path: string): void {
  const fd = openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY | constants.O_DIRECTORY, 0);
  try {
    changeFlags(fd, flags => flags | topOfHierarchies);
  } finally {
    closeFd(fd);
  }
}

function changeFlags(fd: number, change: (flags: number) => number): boolean {
  const buffer = Buffer.alloc(8);
  if (ioctl(fd, FS_IOC_GETFLAGS, buffer) === -1) return false;
  const flags = buffer.readUInt32LE(0);
  const wanted = change(flags) >>> 0;
  if (wanted === flags) return false;
  buffer.writeUInt32LE(wanted, 0);
  return ioctl(fd, FS_IOC_SETFLAGS, buffer) === 0;
}
