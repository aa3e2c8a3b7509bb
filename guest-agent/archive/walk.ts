import { constants, readSync } from 'node:fs';
import {
  type ByteString,
  closeFd,
  type FileStatus,
  findStatAt,
  openAt2,
  openRegular,
  RESOLVE_BENEATH,
  readLinkAt,
} from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { namesIn } from '../syscalls/remove-tree.ts';
import { getXattrAt, listXattrsAt } from '../syscalls/xattr.ts';
import type { EntryType, Fragment, TarEntry } from './tar-format.ts';

/** A member found in a tree. `directory` and `base` say where its contents are, until the next one is asked for. */
export interface Found {
  entry: TarEntry;
  directory: number;
  base: ByteString;
}

/** Which extended attributes go along. */
export type XattrFilter = (name: string) => boolean;

/** `security.capability` as Docker's archives have it, and the user's own. */
export const archivedXattrs: XattrFilter = name => name === 'security.capability' || name.startsWith('user.');

/** All but labels, which mean something on their host only. */
export const portableXattrs: XattrFilter = name => name !== 'security.selinux';

const types = new Map<number, EntryType>([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFCHR, 'characterDevice'],
  [constants.S_IFBLK, 'blockDevice'],
  [constants.S_IFIFO, 'fifo'],
]);

/** Walks trees that may change meanwhile and are not trusted: by descriptors, following nothing. */
export class TreeWalker {
  readonly #keep: XattrFilter;
  readonly #hidden: ReadonlySet<string>;
  /** Files with several names, by identity: the first name stands for the contents. */
  readonly #seen = new Map<string, string>();

  /** Directories on the devices `hidden`, as `major:minor`, are told without what is in them. */
  constructor(options: { xattrs: XattrFilter; hidden?: readonly string[] | undefined }) {
    this.#keep = options.xattrs;
    this.#hidden = new Set(options.hidden);
  }

  /** `base` in `directory` and all below it, in the order of names, called `name` in the archive. Sockets are left out. */
  *walk(directory: number, base: ByteString, name: ByteString): Generator<Found> {
    const status = findStatAt(directory, base);
    const type = status && types.get(status.mode & constants.S_IFMT);
    if (!status || !type) return;
    yield { entry: this.#toEntry(directory, base, name, type, status), directory, base };
    if (type === 'directory' && !this.#isHidden(status)) yield* this.children(directory, base, name);
  }

  #isHidden({ identity, inode }: FileStatus): boolean {
    return this.#hidden.size > 0 && this.#hidden.has(identity.slice(0, -`:${inode}`.length));
  }

  /** Only what is inside. An empty `name` gives names without a leading part. */
  *children(directory: number, base: ByteString, name: ByteString): Generator<Found> {
    const inside = openDirectory(directory, base);
    if (inside === undefined) return;
    const prefix = name === '' || name.endsWith('/') ? name : `${name}/`;
    try {
      for (const child of namesIn(inside).sort()) yield* this.walk(inside, child, `${prefix}${child}`);
    } finally {
      closeFd(inside);
    }
  }

  #toEntry(directory: number, base: ByteString, name: ByteString, type: EntryType, status: FileStatus): TarEntry {
    const first = type !== 'directory' && status.links > 1 ? this.#firstName(status.identity, name) : undefined;
    const device = type === 'characterDevice' || type === 'blockDevice' ? status.device : { major: 0, minor: 0 };
    return {
      name: type === 'directory' && !name.endsWith('/') ? `${name}/` : name,
      type: first === undefined ? type : 'hardLink',
      mode: status.mode & 0o7777,
      uid: status.uid,
      gid: status.gid,
      size: type === 'file' && first === undefined ? status.size : 0,
      mtime: status.mtime,
      linkName: first ?? (type === 'symlink' ? readLinkAt(directory, base) : ''),
      device,
      xattrs: first === undefined ? this.#xattrs(directory, base) : new Map(),
    };
  }

  #firstName(identity: string, name: ByteString): ByteString | undefined {
    const first = this.#seen.get(identity);
    if (first === undefined) this.#seen.set(identity, name);
    return first;
  }

  #xattrs(directory: number, base: ByteString): Map<string, Buffer> {
    const xattrs = new Map<string, Buffer>();
    for (const name of listXattrsAt(directory, base)) {
      const value = this.#keep(name) ? getXattrAt(directory, base, name) : undefined;
      if (value) xattrs.set(name, value);
    }
    return xattrs;
  }
}

function openDirectory(directory: number, base: ByteString): number | undefined {
  try {
    return openAt2(directory, base, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW, RESOLVE_BENEATH);
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined; // gone since we looked
    throw error;
  }
}

/** Opens a file found by the walk, unless somebody has put something else in its place. */
export const openFound = (found: Found): number =>
  openRegular(found.directory, found.base, RESOLVE_BENEATH, constants.O_NOFOLLOW);

const pieceBytes = 256 * 1024;
/** For the contents of small files, one after the other: with a buffer each a thread kept 20 MB of them. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024 - 1);

/**
 * Exactly `size` bytes of a file, less those before `start`: what it lacks by now is filled with zeros, what it has grown by
 * is left out. A small piece is there until the next one is asked for.
 */
export function* contentsOf(fd: number, size: number, start = 0): Generator<Buffer> {
  for (let position = start; position < size; ) {
    const length = Math.min(pieceBytes, size - position);
    const buffer = length <= scratch.length ? scratch.subarray(0, length) : Buffer.allocUnsafeSlow(length);
    const bytesRead = readSync(fd, buffer, 0, length, position);
    const piece = bytesRead === 0 ? buffer.fill(0) : buffer.subarray(0, bytesRead);
    position += piece.length;
    yield piece;
  }
}

/** The contents of a file, or only the parts that hold data, one after the other. */
export function* fragmentsOf(fd: number, size: number, fragments: readonly Fragment[] | undefined): Generator<Buffer> {
  for (const { offset, length } of fragments ?? [{ offset: 0, length: size }])
    yield* contentsOf(fd, offset + length, offset);
}
