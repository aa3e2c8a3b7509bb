import { constants, fchownSync, futimesSync, writeFileSync } from 'node:fs';
import {
  AT_FDCWD,
  closeFd,
  openAt2,
  openRegular,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  toBytes,
} from '../../syscalls/file.ts';
import { isSyscallError } from '../../syscalls/libc.ts';

const directory = constants.O_RDONLY | constants.O_DIRECTORY;

/** Writes into a file that is there, in the root that is open there; no link leads outside. False when there is none. */
export function overwrite(
  root: string,
  path: string,
  data: Uint8Array,
  { uid, gid, mtime }: { uid?: number; gid?: number; mtime?: Date },
): boolean {
  const top = openAt2(AT_FDCWD, toBytes(root), directory, 0);
  try {
    const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const file = openRegular(top, toBytes(path), resolve, 0, constants.O_WRONLY | constants.O_TRUNC);
    try {
      writeFileSync(file, data);
      if (uid !== undefined && gid !== undefined) fchownSync(file, uid, gid);
      if (mtime) futimesSync(file, mtime, mtime);
      return true;
    } finally {
      closeFd(file);
    }
  } catch (error) {
    if (isSyscallError(error, 'ENOENT')) return false;
    throw error;
  } finally {
    closeFd(top);
  }
}
