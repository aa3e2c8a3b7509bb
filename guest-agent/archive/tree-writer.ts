import { constants, ftruncateSync, writeSync } from 'node:fs';
import { invalidArgument } from '../../contracts/errors.ts';
import {
  type ByteString,
  chmodFd,
  chmodPathFd,
  chownAt,
  closeFd,
  type FileStatus,
  findStatAt,
  linkAt,
  mkdirAt,
  mknodAt,
  O_PATH,
  openAt2,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  setTimesAt,
  symlinkAt,
  toText,
} from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { removeTreeAt } from '../syscalls/remove-tree.ts';
import { isLayerMark } from '../syscalls/whiteout.ts';
import { setXattrAt, setXattrFd } from '../syscalls/xattr.ts';
import type { FileTime, Fragment, TarEntry } from './tar-format.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = constants;
const inRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

/** Directories kept open: neighbours in an archive mostly share their parent. */
const cachedParents = 64;

/** A place for a member: its parent, open, and its own last name. */
export interface Place {
  directory: number;
  name: ByteString;
}

/**
 * The parts of a member's name below the root, as `path.Clean` of Go would have them.
 * @throws invalid-argument when it leads outside
 */
export function partsOf(name: ByteString): ByteString[] {
  const parts: ByteString[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined && !name.startsWith('/')) {
      throw invalidArgument(`"${toText(name)}" is outside of the root`);
    }
  }
  return parts;
}

/**
 * Makes files below a root that is not trusted. Every parent is resolved by the kernel inside the root (openat2(2)
 * RESOLVE_IN_ROOT), as if in a chroot, and everything else happens from its descriptor by one last name that is never
 * followed: neither `..`, nor symbolic links in the archive, nor somebody who moves directories meanwhile leads outside.
 */
export class TreeWriter {
  readonly #root: number;
  readonly #exactTimes: boolean;
  readonly #parents = new Map<string, number>();
  readonly #directoryTimes = new Map<string, FileTime>();

  /**
   * @param root a descriptor that stays the caller's
   * @param exactTimes also those before 1970, which Docker's layers do not have
   */
  constructor(root: number, { exactTimes = false } = {}) {
    this.#root = root;
    this.#exactTimes = exactTimes;
  }

  #time(time: FileTime): FileTime {
    return this.#exactTimes ? time : clamped(time);
  }

  /** Opens the parent of `parts`, made with mode 755 where it is missing. Belongs to the cache: use it at once. */
  place(parts: ByteString[]): Place {
    return { directory: this.#directory(parts.slice(0, -1)), name: parts.at(-1) ?? '.' };
  }

  #directory(parts: ByteString[]): number {
    const path = parts.join('/');
    const known = this.#parents.get(path);
    if (known !== undefined) return known;
    const fd = this.#open(parts, path);
    if (this.#parents.size >= cachedParents) this.forgetParents();
    this.#parents.set(path, fd);
    return fd;
  }

  #open(parts: ByteString[], path: string): number {
    try {
      return openAt2(this.#root, path === '' ? '.' : path, O_PATH | O_DIRECTORY, inRoot);
    } catch (error) {
      if (!isSyscallError(error, 'ENOENT')) throw error;
    }
    const parent = this.#directory(parts.slice(0, -1));
    const name = parts.at(-1) ?? '.';
    try {
      mkdirAt(parent, name, 0o755);
    } catch (error) {
      if (!isSyscallError(error, 'EEXIST')) throw error;
    }
    return openAt2(this.#root, path, O_PATH | O_DIRECTORY, inRoot);
  }

  /** After something was removed or replaced, an old path may mean another directory. */
  forgetParents(): void {
    for (const fd of this.#parents.values()) closeFd(fd);
    this.#parents.clear();
  }

  find(place: Place): FileStatus | undefined {
    return findStatAt(place.directory, place.name);
  }

  /** Removes what is at `place`, with all below it. `place` stays usable. */
  remove(place: Place): void {
    removeTreeAt(place.directory, place.name);
  }

  /** A new file, open for writing; see {@link finishFile}. @throws SyscallError EEXIST */
  createFile(place: Place): number {
    const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
    return openAt2(place.directory, place.name, flags, RESOLVE_BENEATH, 0o600);
  }

  /** Owner before mode and capabilities, as chown(2) takes setuid and capabilities away. Closes the file. */
  finishFile(fd: number, entry: TarEntry): void {
    chownAt(fd, '', entry.uid, entry.gid);
    chmodFd(fd, entry.mode);
    setXattrs(entry, (name, value) => setXattrFd(fd, name, value));
    setTimesAt(fd, '', this.#time(entry.mtime));
    closeFd(fd);
  }

  /** Makes the directory, or takes the one that is there; its time is set by {@link finish}, when its files are in. */
  directory(place: Place, entry: TarEntry, parts: ByteString[]): void {
    try {
      mkdirAt(place.directory, place.name, 0o700);
    } catch (error) {
      if (!isSyscallError(error, 'EEXIST')) throw error;
    }
    const fd = openAt2(place.directory, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
    try {
      chownAt(fd, '', entry.uid, entry.gid);
      chmodFd(fd, entry.mode);
      setXattrs(entry, (name, value) => setXattrFd(fd, name, value));
    } finally {
      closeFd(fd);
    }
    const path = parts.join('/');
    this.#directoryTimes.delete(path);
    this.#directoryTimes.set(path, this.#time(entry.mtime));
  }

  symlink(place: Place, entry: TarEntry): void {
    symlinkAt(entry.linkName, place.directory, place.name);
    chownAt(place.directory, place.name, entry.uid, entry.gid);
    setXattrs(entry, (name, value) => setXattrAt(place.directory, place.name, name, value));
    setTimesAt(place.directory, place.name, this.#time(entry.mtime));
  }

  /** Links to the file at the parts `target` of the same root. */
  hardLink(place: Place, target: ByteString[]): void {
    const from = openAt2(this.#root, target.slice(0, -1).join('/') || '.', O_PATH | O_DIRECTORY, inRoot);
    try {
      linkAt(from, target.at(-1) ?? '.', place.directory, place.name);
    } finally {
      closeFd(from);
    }
  }

  /** A device or a FIFO. `mode` carries its kind. */
  special(place: Place, kind: number, entry: TarEntry): void {
    mknodAt(place.directory, place.name, kind | 0o600, entry.device.major, entry.device.minor);
    const fd = openAt2(place.directory, place.name, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH);
    try {
      chownAt(fd, '', entry.uid, entry.gid);
      chmodPathFd(fd, entry.mode);
    } finally {
      closeFd(fd);
    }
    setXattrs(entry, (name, value) => setXattrAt(place.directory, place.name, name, value));
    setTimesAt(place.directory, place.name, this.#time(entry.mtime));
  }

  /** Sets the directories' times, the deepest last seen first, and closes what is open. */
  finish(): void {
    for (const [path, time] of [...this.#directoryTimes].reverse()) this.#setDirectoryTime(path, time);
    this.forgetParents();
  }

  #setDirectoryTime(path: string, time: FileTime): void {
    try {
      const fd = openAt2(this.#root, path === '' ? '.' : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, inRoot);
      try {
        setTimesAt(fd, '', time);
      } finally {
        closeFd(fd);
      }
    } catch (error) {
      if (!isSyscallError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error; // a later member has replaced it
    }
  }
}

/** Layers from archives must not steer overlayfs: redirects and opaque marks come from whiteouts only. */
const isOverlayPrivate = (name: string): boolean => isLayerMark(name) || /^user\.overlay\./.test(name);

/** What the file system or the kind of file cannot carry is left out, as Docker does. */
function setXattrs(entry: TarEntry, set: (name: string, value: Buffer) => void): void {
  for (const [name, value] of entry.xattrs) {
    if (isOverlayPrivate(name)) continue;
    try {
      set(name, value);
    } catch (error) {
      if (
        !isSyscallError(error, 'ENOTSUP', 'EOPNOTSUPP') &&
        !(isSyscallError(error, 'EPERM') && name.startsWith('user.'))
      ) {
        throw error;
      }
    }
  }
}

/** Times that file systems cannot hold become the epoch. */
const clamped = (time: FileTime): FileTime =>
  time.seconds < 0 || time.seconds > 0x3_7fff_ffff ? { seconds: 0, nanoseconds: 0 } : time;

/** Writes the contents of a file as they come, fragments of a sparse one to their places. */
export class FileBody {
  readonly #fd: number;
  readonly #fragments: Fragment[] | undefined;
  #index = 0;
  #written = 0;

  constructor(fd: number, entry: TarEntry) {
    this.#fd = fd;
    this.#fragments = entry.fragments;
    if (entry.fragments) ftruncateSync(fd, entry.size);
  }

  write(chunk: Buffer): void {
    if (!this.#fragments) {
      writeWhole(this.#fd, chunk, null);
      return;
    }
    for (let rest = chunk; rest.length > 0; ) {
      const fragment = this.#fragments[this.#index];
      if (!fragment) throw invalidArgument('archive/tar: sparse file holds more than its map');
      const part = rest.subarray(0, fragment.length - this.#written);
      writeWhole(this.#fd, part, fragment.offset + this.#written);
      this.#written += part.length;
      rest = rest.subarray(part.length);
      if (this.#written === fragment.length) {
        this.#index++;
        this.#written = 0;
      }
    }
  }
}

function writeWhole(fd: number, data: Buffer, position: number | null): void {
  for (let done = 0; done < data.length; ) {
    done += writeSync(fd, data, done, data.length - done, position === null ? null : position + done);
  }
}

export const kindBits = {
  characterDevice: constants.S_IFCHR,
  blockDevice: constants.S_IFBLK,
  fifo: constants.S_IFIFO,
} as const;
