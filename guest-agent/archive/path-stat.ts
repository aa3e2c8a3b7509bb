import { constants } from 'node:fs';
import { posix } from 'node:path';
import { type EngineError, internal } from '../../contracts/errors.ts';
import {
  AT_FDCWD,
  closeFd,
  type FileStatus,
  isSymlink,
  O_PATH,
  openAt2,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  readLinkAt,
  statAt,
  toBytes,
  toText,
} from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import type { PathStat } from './archive.ts';

/** Bits of Go's io/fs.FileMode beyond the nine permissions. */
const goMode = {
  directory: 2 ** 31,
  symlink: 1 << 27,
  device: 1 << 26,
  fifo: 1 << 25,
  socket: 1 << 24,
  setuid: 1 << 23,
  setgid: 1 << 22,
  characterDevice: 1 << 21,
  sticky: 1 << 20,
} as const;

const kinds = new Map<number, number>([
  [constants.S_IFDIR, goMode.directory],
  [constants.S_IFLNK, goMode.symlink],
  [constants.S_IFBLK, goMode.device],
  [constants.S_IFCHR, goMode.device + goMode.characterDevice],
  [constants.S_IFIFO, goMode.fifo],
  [constants.S_IFSOCK, goMode.socket],
]);

/** A mode of stat(2) in Go's bits. */
export function toGoMode(mode: number): number {
  const special =
    (mode & 0o4000 ? goMode.setuid : 0) + (mode & 0o2000 ? goMode.setgid : 0) + (mode & 0o1000 ? goMode.sticky : 0);
  return (mode & 0o777) + special + (kinds.get(mode & constants.S_IFMT) ?? 0);
}

export const inRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

/** Opens the directory that stands for `/`; a magic link such as `/proc/<pid>/root` is followed, it is ours. */
export const openRoot = (root: string): number =>
  openAt2(AT_FDCWD, toBytes(root), constants.O_RDONLY | constants.O_DIRECTORY, 0);

/** `path` as seen from `/`, cleaned as Docker does: `.` and `..` go, a trailing `/` or `/.` stays. */
export function absolutePath(path: string): string {
  const clean = posix.join('/', path).replace(/(.)\/$/, '$1');
  if (path.endsWith('/.') || path === '.') return clean === '/' ? '/.' : `${clean}/.`;
  if (path.endsWith('/')) return clean === '/' ? '/' : `${clean}/`;
  return clean;
}

/** @throws SyscallError ENOENT, ENOTDIR, ELOOP */
export function statInRoot(root: number, path: string): FileStatus {
  const fd = openAt2(root, toBytes(path), O_PATH | constants.O_NOFOLLOW, inRoot);
  try {
    return statAt(fd, '');
  } finally {
    closeFd(fd);
  }
}

/** Links that lead to each other, in Docker's words. */
export const tooManyLinks = (cause: unknown): EngineError => internal('EvalSymlinks: too many links', { cause });

/** What `docker cp` wants to know about a path before it copies. @returns undefined when there is nothing @throws internal in Docker's words for links that end nowhere */
export function statPath(root: string, path: string): PathStat | undefined {
  const absolute = absolutePath(path);
  const fd = openRoot(root);
  try {
    const status = statInRoot(fd, absolute);
    return {
      name: posix.basename(absolute) || '/',
      size: status.size,
      mode: toGoMode(status.mode),
      mtime: new Date(status.mtime.seconds * 1000 + Math.floor(status.mtime.nanoseconds / 1e6)),
      linkTarget: isSymlink(status.mode) ? linkTarget(fd, absolute) : '',
    };
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (isSyscallError(error, 'ELOOP')) throw tooManyLinks(error);
    throw error;
  } finally {
    closeFd(fd);
  }
}

/** Where a link ends when every link on the way is followed inside the root, or as far as that goes. */
function linkTarget(root: number, path: string): string {
  let resolved = '/';
  let parts = path.split('/').filter(part => part !== '');
  for (let links = 0; parts.length > 0; ) {
    const [part = '', ...rest] = parts;
    const next = posix.join(resolved, part);
    const target = links < 255 ? readLink(root, next) : undefined;
    if (target === undefined) {
      resolved = next;
      parts = rest;
      continue;
    }
    links++;
    if (target.startsWith('/')) resolved = '/';
    parts = [...target.split('/').filter(step => step !== ''), ...rest];
  }
  return resolved;
}

function readLink(root: number, path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openAt2(root, toBytes(path), O_PATH | constants.O_NOFOLLOW, inRoot);
    return isSymlink(statAt(fd, '').mode) ? toText(readLinkAt(fd, '')) : undefined;
  } catch (error) {
    if (isSyscallError(error)) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeFd(fd);
  }
}
