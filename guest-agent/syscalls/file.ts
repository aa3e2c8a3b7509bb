import { constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { check, declare, errno, isSyscallError, SyscallError } from './libc.ts';

/**
 * File calls that work from a directory's descriptor, for trees that are not trusted. A file name in Linux is any
 * bytes, so names travel here as *byte strings*: one character (U+0000 to U+00FF) for each byte. See {@link toBytes}.
 */
export type ByteString = string;

/** An ordinary text as the byte string of its UTF-8. */
export const toBytes = (text: string): ByteString =>
  isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');

/** A byte string as text for people; what is not UTF-8 is replaced. */
export const toText = (bytes: ByteString): string =>
  isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');

export const AT_FDCWD = -100;
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;
export const AT_REMOVEDIR = 0x200;

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const SYS_openat2 = 437;
const ENXIO = 6;

const ascii = /^[\x01-\x7f]*$/;
const isAscii = (text: string): boolean => ascii.test(text);

/** koffi would encode text as UTF-8; other bytes need a buffer. */
type CPath = string | Buffer;
function cPath(name: ByteString): CPath {
  if (isAscii(name)) return name;
  if (name.includes('\0')) throw new SyscallError('path', 22, toText(name));
  return Buffer.from(`${name}\0`, 'latin1');
}

/** A function of koffi's that can also run in another thread. */
type Asynchronous<F extends (argument: number) => number> = F & {
  async(argument: number, done: (error: Error | null, result: number) => void): void;
};

const c = {
  openat2: declare<(nr: number, dir: number, path: CPath, how: Buffer, size: number) => number>(
    'long syscall(long nr, int dir, const char *path, void *how, size_t size)',
  ),
  mkdirat: declare<(dir: number, path: CPath, mode: number) => number>('int mkdirat(int d, const char *p, uint m)'),
  mknodat: declare<(dir: number, path: CPath, mode: number, device: number) => number>(
    'int mknodat(int d, const char *p, uint m, uint64_t dev)',
  ),
  symlinkat: declare<(target: CPath, dir: number, path: CPath) => number>(
    'int symlinkat(const char *target, int d, const char *p)',
  ),
  linkat: declare<(from: number, old: CPath, to: number, path: CPath, flags: number) => number>(
    'int linkat(int od, const char *o, int d, const char *p, int flags)',
  ),
  unlinkat: declare<(dir: number, path: CPath, flags: number) => number>('int unlinkat(int d, const char *p, int f)'),
  renameat: declare<(from: number, old: CPath, to: number, path: CPath) => number>(
    'int renameat(int od, const char *o, int d, const char *p)',
  ),
  readlinkat: declare<(dir: number, path: CPath, buffer: Buffer, size: number) => number>(
    'intptr_t readlinkat(int d, const char *p, void *b, size_t n)',
  ),
  fchownat: declare<(dir: number, path: CPath, uid: number, gid: number, flags: number) => number>(
    'int fchownat(int d, const char *p, uint u, uint g, int f)',
  ),
  fchmod: declare<(fd: number, mode: number) => number>('int fchmod(int fd, uint mode)'),
  chmod: declare<(path: CPath, mode: number) => number>('int chmod(const char *p, uint mode)'),
  utimensat: declare<(dir: number, path: CPath, times: Buffer, flags: number) => number>(
    'int utimensat(int d, const char *p, void *times, int f)',
  ),
  futimens: declare<(fd: number, times: Buffer) => number>('int futimens(int fd, void *times)'),
  statx: declare<(dir: number, path: CPath, flags: number, mask: number, buffer: Buffer) => number>(
    'int statx(int d, const char *p, int f, uint mask, void *b)',
  ),
  syncfs: declare<Asynchronous<(fd: number) => number>>('int syncfs(int fd)'),
  close: declare<(fd: number) => number>('int close(int fd)'),
};

const { ENOENT, ENOTDIR, EAGAIN } = osConstants.errno;
const how = Buffer.alloc(24);

/** openat2(2). Always close-on-exec. A rename race (EAGAIN) is tried again. */
export const openAt2 = (dir: number, path: ByteString, flags: number, resolve: number, mode = 0): number =>
  openOr(false, dir, path, flags, resolve, mode) ?? -1;

/** {@link openAt2}, or undefined when there is nothing at `path`; making an error for that would cost more than the call. */
export const tryOpenAt2 = (dir: number, path: ByteString, flags: number, resolve: number): number | undefined =>
  openOr(true, dir, path, flags, resolve, 0);

function openOr(
  absence: boolean,
  dir: number,
  path: ByteString,
  flags: number,
  resolve: number,
  mode: number,
): number | undefined {
  how.writeUInt32LE((flags | O_CLOEXEC) >>> 0, 0);
  how.writeUInt32LE(mode, 8);
  how.writeUInt32LE(resolve, 16);
  for (let attempt = 0; ; attempt++) {
    const fd = Number(c.openat2(SYS_openat2, dir, cPath(path), how, how.length));
    if (fd >= 0) return fd;
    const code = errno();
    if (absence && (code === ENOENT || code === ENOTDIR)) return undefined;
    if (code !== EAGAIN || attempt >= 100) throw new SyscallError('openat2', code, toText(path));
  }
}

/**
 * Opens a regular file, for reading unless `access` is another. What it is gets looked at before it is opened: opening a device can block, rewind a
 * tape or start a watchdog, and whoever made the tree may put one there at any moment. @throws SyscallError ENXIO for anything else
 */
export function openRegular(
  dir: number,
  path: ByteString,
  resolve: number,
  flags = 0,
  access: number = constants.O_RDONLY,
): number {
  const found = openAt2(dir, path, O_PATH | flags, resolve);
  try {
    if (!isRegular(statAt(found, '').mode)) throw new SyscallError('openat2', ENXIO, toText(path));
    return openAt2(AT_FDCWD, `/proc/self/fd/${found}`, access, 0);
  } finally {
    closeFd(found);
  }
}

export const closeFd = (fd: number): void => void c.close(fd);

export const mkdirAt = (dir: number, name: ByteString, mode: number): void =>
  void check('mkdirat', c.mkdirat(dir, cPath(name), mode), name);

/** The kernel's encoding of a device number in user space, see makedev(3); fits a number below 2^53. */
const deviceNumber = (major: number, minor: number): number =>
  (major & 0xfff) * 2 ** 8 + (minor & 0xff) + Math.floor(minor / 256) * 2 ** 20 + Math.floor(major / 4096) * 2 ** 44;

/** `mode` carries the kind (S_IFCHR, S_IFBLK, S_IFIFO) as well; the umask applies. */
export const mknodAt = (dir: number, name: ByteString, mode: number, major = 0, minor = 0): void =>
  void check('mknodat', c.mknodat(dir, cPath(name), mode, deviceNumber(major, minor)), name);

export const symlinkAt = (target: ByteString, dir: number, name: ByteString): void =>
  void check('symlinkat', c.symlinkat(cPath(target), dir, cPath(name)), name);

/** A hard link; a symbolic link is linked itself, not followed. */
export const linkAt = (fromDir: number, from: ByteString, dir: number, name: ByteString): void =>
  void check('linkat', c.linkat(fromDir, cPath(from), dir, cPath(name), 0), name);

export const unlinkAt = (dir: number, name: ByteString, flags = 0): void =>
  void check('unlinkat', c.unlinkat(dir, cPath(name), flags), name);

export const renameAt = (fromDir: number, from: ByteString, dir: number, name: ByteString): void =>
  void check('renameat', c.renameat(fromDir, cPath(from), dir, cPath(name)), from);

const linkBuffer = Buffer.alloc(4096);

export function readLinkAt(dir: number, name: ByteString): ByteString {
  const length = Number(c.readlinkat(dir, cPath(name), linkBuffer, linkBuffer.length));
  return linkBuffer.toString('latin1', 0, check('readlinkat', length, name));
}

/** {@link readLinkAt}, or undefined when `name` is not a symbolic link that can be read. */
export function tryReadLinkAt(dir: number, name: ByteString): ByteString | undefined {
  const length = Number(c.readlinkat(dir, cPath(name), linkBuffer, linkBuffer.length));
  return length === -1 ? undefined : linkBuffer.toString('latin1', 0, length);
}

/** Never follows a symbolic link; with an empty name `dir` itself (which may be an O_PATH descriptor). */
export const chownAt = (dir: number, name: ByteString, uid: number, gid: number): void =>
  void check(
    'fchownat',
    c.fchownat(dir, cPath(name), uid, gid, AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0)),
    name,
  );

export const chmodFd = (fd: number, mode: number): void => void check('fchmod', c.fchmod(fd, mode), fd);

/** chmod of what an O_PATH descriptor stands for. Not for symbolic links. */
export const chmodPathFd = (fd: number, mode: number): void =>
  void check('chmod', c.chmod(`/proc/self/fd/${fd}`, mode), fd);

/** A time as the kernel keeps it. */
export interface FileTime {
  seconds: number;
  nanoseconds: number;
}

const times = Buffer.alloc(32);

/** Sets access and modification time to `time`, never following a symbolic link; with an empty name those of `dir` itself. */
export function setTimesAt(dir: number, name: ByteString, time: FileTime): void {
  for (const offset of [0, 16]) {
    times.writeBigInt64LE(BigInt(time.seconds), offset);
    times.writeBigInt64LE(BigInt(time.nanoseconds), offset + 8);
  }
  const result = name === '' ? c.futimens(dir, times) : c.utimensat(dir, cPath(name), times, AT_SYMLINK_NOFOLLOW);
  check('utimensat', result, name);
}

/** What statx(2) tells, as far as archives need it. `mode` carries the kind too. */
export interface FileStatus {
  mode: number;
  uid: number;
  gid: number;
  size: number;
  links: number;
  /** Device and inode: the same for two names of one file. */
  identity: string;
  inode: number;
  device: { major: number; minor: number };
  mtime: FileTime;
}

const statBuffer = Buffer.alloc(256);
const STATX_BASIC_STATS = 0x7ff;
const STATX_TYPE_AND_MODE = 0x3;

/** Status of `name` in `dir` without following a symbolic link; with an empty name of `dir` itself. */
export function statAt(dir: number, name: ByteString): FileStatus {
  const flags = AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0);
  check('statx', c.statx(dir, cPath(name), flags, STATX_BASIC_STATS, statBuffer), name);
  const inode = Number(statBuffer.readBigUInt64LE(32));
  return {
    mode: statBuffer.readUInt16LE(28),
    uid: statBuffer.readUInt32LE(20),
    gid: statBuffer.readUInt32LE(24),
    size: Number(statBuffer.readBigUInt64LE(40)),
    links: statBuffer.readUInt32LE(16),
    identity: `${statBuffer.readUInt32LE(136)}:${statBuffer.readUInt32LE(140)}:${inode}`,
    inode,
    device: { major: statBuffer.readUInt32LE(128), minor: statBuffer.readUInt32LE(132) },
    mtime: { seconds: Number(statBuffer.readBigInt64LE(112)), nanoseconds: statBuffer.readUInt32LE(120) },
  };
}

/** Kind and permissions of what `fd` (which may be an O_PATH descriptor) stands for. */
export function modeOf(fd: number): number {
  check('statx', c.statx(fd, '', AT_EMPTY_PATH, STATX_TYPE_AND_MODE, statBuffer), fd);
  return statBuffer.readUInt16LE(28);
}

/** {@link modeOf} what is at `path`, at the end of symbolic links. */
export function modeOfPath(path: string): number {
  check('statx', c.statx(AT_FDCWD, cPath(toBytes(path)), 0, STATX_TYPE_AND_MODE, statBuffer), path);
  return statBuffer.readUInt16LE(28);
}

/** {@link statAt}, or undefined when there is nothing of that name. */
export function findStatAt(dir: number, name: ByteString): FileStatus | undefined {
  try {
    return statAt(dir, name);
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Writes everything of the file system that `path` is on to the disk, in a thread of koffi's. @throws SyscallError */
export async function syncFileSystemOf(path: string): Promise<void> {
  const fd = openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY, 0);
  try {
    const result = await new Promise<number>((resolve, reject) =>
      c.syncfs.async(fd, (error, value) => (error ? reject(error) : resolve(value))),
    );
    if (result === -1) throw new SyscallError('syncfs', 5, path); // errno stays in koffi's thread; EIO is the usual one
  } finally {
    closeFd(fd);
  }
}

export const isDirectory = (mode: number): boolean => (mode & constants.S_IFMT) === constants.S_IFDIR;
export const isRegular = (mode: number): boolean => (mode & constants.S_IFMT) === constants.S_IFREG;
export const isSymlink = (mode: number): boolean => (mode & constants.S_IFMT) === constants.S_IFLNK;
export const isCharacterDevice = (mode: number): boolean => (mode & constants.S_IFMT) === constants.S_IFCHR;
