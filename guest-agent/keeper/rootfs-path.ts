import { constants } from 'node:fs';
import {
  closeFd,
  isDirectory as hasDirectoryMode,
  mkdirAt,
  modeOf,
  O_PATH,
  openAt2,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  toBytes,
  toText,
  tryOpenAt2,
  tryReadLinkAt,
} from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';

/**
 * Paths in a container's root, where everything may be hostile: symbolic links are followed as the container would
 * follow them, never out of the root, and what is opened here is used by its descriptor from then on.
 */
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW } = constants;
const mostLinks = 40;

/** Opens `path` below `root` or returns undefined when it is not there. */
export const findInRoot = (root: number, path: string, flags: number = O_PATH): number | undefined =>
  tryOpenAt2(root, toBytes(relative(path)), flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

/** Opens `path` below `root`. @throws SyscallError */
export const openInRoot = (root: number, path: string, flags: number = O_PATH): number =>
  openAt2(root, toBytes(relative(path)), flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

/** Opens a directory that no symbolic link leads to: what the kernel's own file systems are mounted on. */
export const openPlainDirectory = (root: number, path: string): number =>
  openAt2(root, toBytes(relative(path)), O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

/** Opens `path` below `root`, making it and the directories on the way when they are not there. */
export function ensureInRoot(root: number, path: string, kind: 'directory' | 'file'): number {
  const there = findInRoot(root, path);
  if (there !== undefined) return there;
  return makePath(root, partsOf(path), kind, mostLinks);
}

/** The directory that holds `path`, made when it is not there, and the last part of `path`. */
export function ensureParent(root: number, path: string): { directory: number; name: string } {
  const parts = partsOf(path);
  const name = parts.pop() ?? '.';
  return { directory: ensureInRoot(root, parts.join('/'), 'directory'), name };
}

export const isDirectory = (fd: number): boolean => hasDirectoryMode(modeOf(fd));

const relative = (path: string): string => partsOf(path).join('/') || '.';
const partsOf = (path: string): string[] => path.split('/').filter(part => part !== '' && part !== '.');

function makePath(root: number, parts: string[], kind: 'directory' | 'file', links: number): number {
  // The longest part that is there; mostly all but the last name.
  let known = parts.length;
  let found: number | undefined;
  while (known > 0 && found === undefined) found = findInRoot(root, parts.slice(0, --known).join('/'));
  let at = found ?? openInRoot(root, '.');
  for (let index = known; index < parts.length; index++) {
    const name = toBytes(parts[index] ?? '');
    const target = danglingLink(at, name);
    if (target !== undefined && links > 0) {
      closeFd(at);
      const from = target.startsWith('/') ? [] : parts.slice(0, index);
      return makePath(root, [...from, ...partsOf(target), ...parts.slice(index + 1)], kind, links - 1);
    }
    const next = index === parts.length - 1 && kind === 'file' ? makeFile(at, name) : makeDirectory(at, name);
    closeFd(at);
    at = next;
  }
  return at;
}

function danglingLink(directory: number, name: string): string | undefined {
  const target = tryReadLinkAt(directory, name);
  return target === undefined ? undefined : toText(target);
}

function makeDirectory(directory: number, name: string): number {
  try {
    mkdirAt(directory, name, 0o755);
  } catch (error) {
    if (!isSyscallError(error, 'EEXIST')) throw error;
  }
  return openAt2(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

const makeFile = (directory: number, name: string): number =>
  openAt2(directory, name, O_CREAT | O_EXCL | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, 0o644);
