import { constants } from 'node:fs';
import { check, declare, errno } from './libc.ts';

/** Files by descriptor and name, for trees that somebody hostile has filled. */
const SYS_openat2 = 437;
export const RESOLVE_NO_XDEV = 0x1;
export const RESOLVE_NO_MAGICLINKS = 0x2;
export const RESOLVE_NO_SYMLINKS = 0x4;
export const RESOLVE_BENEATH = 0x8;
export const RESOLVE_IN_ROOT = 0x10;

const { O_DIRECTORY, O_NOFOLLOW, O_CREAT, O_EXCL } = constants;
export const O_PATH = 0x200000;
export const O_CLOEXEC = 0x80000;
const AT_EACCESS = 0x200;

const rawOpenat2 = declare<(nr: number, dirfd: number, path: string, how: Buffer, size: number) => number>(
  'long syscall(long nr, int dirfd, const char *path, void *how, size_t size)',
);
const rawMkdirat = declare<(dirfd: number, name: string, mode: number) => number>(
  'int mkdirat(int dirfd, const char *name, unsigned int mode)',
);
const rawMknodat = declare<(dirfd: number, name: string, mode: number, device: number) => number>(
  'int mknodat(int dirfd, const char *name, unsigned int mode, uint64_t device)',
);
const rawSymlinkat = declare<(target: string, dirfd: number, name: string) => number>(
  'int symlinkat(const char *target, int dirfd, const char *name)',
);
const rawUnlinkat = declare<(dirfd: number, name: string, flags: number) => number>(
  'int unlinkat(int dirfd, const char *name, int flags)',
);
const rawFchownat = declare<(dirfd: number, name: string, uid: number, gid: number, flags: number) => number>(
  'int fchownat(int dirfd, const char *name, unsigned int uid, unsigned int gid, int flags)',
);
const rawReadlinkat = declare<(dirfd: number, name: string, buffer: Buffer, size: number) => number>(
  'ssize_t readlinkat(int dirfd, const char *name, void *buffer, size_t size)',
);
const rawFaccessat = declare<(dirfd: number, path: string, mode: number, flags: number) => number>(
  'int faccessat(int dirfd, const char *path, int mode, int flags)',
);
const rawClose = declare<(fd: number) => number>('int close(int fd)');

/** Opens `path` below `dirfd` under the rules of `resolve` (`RESOLVE_*`). Always close-on-exec. @throws SyscallError */
export function openat2(dirfd: number, path: string, flags: number, resolve: number, mode = 0): number {
  const how = Buffer.alloc(24); // struct open_how
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return check('openat2', rawOpenat2(SYS_openat2, dirfd, path, how, 24), path);
}

/** Opens `path` as seen by a process whose root is `rootFd`: neither `..` nor a symbolic link leads out. */
export const openInRoot = (rootFd: number, path: string, flags: number = O_PATH): number =>
  openat2(rootFd, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

/** Opens one name in a directory, which must itself be a directory. */
export const openDirectoryAt = (dirfd: number, name: string): number =>
  openat2(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

/** Makes an empty file that was not there and opens it as a path. */
export const createFileAt = (dirfd: number, name: string, mode: number): number =>
  openat2(dirfd, name, O_CREAT | O_EXCL | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, mode);

export const mkdirAt = (dirfd: number, name: string, mode: number): number =>
  check('mkdirat', rawMkdirat(dirfd, name, mode), name);

/** `mode` with its type bits; major and minor as makedev(3) packs them. */
export function mknodAt(dirfd: number, name: string, mode: number, major: number, minor: number): void {
  const device =
    (BigInt(minor) & 0xffn) |
    ((BigInt(major) & 0xfffn) << 8n) |
    ((BigInt(minor) & ~0xffn) << 12n) |
    ((BigInt(major) & ~0xfffn) << 32n);
  check('mknodat', rawMknodat(dirfd, name, mode, Number(device)), name);
}

export const symlinkAt = (target: string, dirfd: number, name: string): number =>
  check('symlinkat', rawSymlinkat(target, dirfd, name), name);

export const unlinkAt = (dirfd: number, name: string): number => check('unlinkat', rawUnlinkat(dirfd, name, 0), name);

const AT_SYMLINK_NOFOLLOW = 0x100;
export const chownAt = (dirfd: number, name: string, uid: number, gid: number): number =>
  check('fchownat', rawFchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW), name);

/** Where the symbolic link `name` points, or undefined when it is none. */
export function readlinkAt(dirfd: number, name: string): string | undefined {
  const buffer = Buffer.alloc(4096);
  const length = rawReadlinkat(dirfd, name, buffer, buffer.length);
  return length === -1 ? undefined : buffer.toString('utf8', 0, length);
}

/** 0 when the effective user may execute `path`, else the errno. */
export function executeAccess(path: string): number {
  const X_OK = 1;
  return rawFaccessat(-100, path, X_OK, AT_EACCESS) === 0 ? 0 : errno();
}

export const closeFd = (fd: number): number => rawClose(fd);
