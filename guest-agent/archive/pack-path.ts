import { constants } from 'node:fs';
import { posix } from 'node:path';
import { notFound } from '../../contracts/errors.ts';
import { type ByteString, closeFd, isDirectory, O_PATH, openAt2, statAt, toBytes } from '../syscalls/file.ts';
import { dataOf } from '../syscalls/file-extents.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { isOpaque, isWhiteout } from '../syscalls/whiteout.ts';
import type { RootOutside } from './mapped-sink.ts';
import { absolutePath, inRoot, openRoot, statInRoot } from './path-stat.ts';
import { lengthOf } from './sparse.ts';
import type { TarEntry } from './tar-format.ts';
import { encodeHeader, endOfArchive, padding } from './tar-writer.ts';
import { archivedXattrs, type Found, fragmentsOf, openFound, portableXattrs, TreeWalker } from './walk.ts';

export interface PackOptions {
  path: string;
  rename?: string;
  contentsOnly: boolean;
  asLayer?: boolean;
  exact?: boolean;
  hidden?: readonly string[] | undefined;
  rootOutside?: RootOutside;
}

/**
 * The archive of one path, named as Docker names it: `/etc` gives `etc/…`, `/etc/.` gives `./…`, and `/` gives `/…`.
 * @throws not-found
 */
export function* packPath(rootPath: string, options: PackOptions): Generator<Buffer> {
  const root = openRoot(rootPath);
  try {
    const exact = options.exact === true;
    for (const each of findPath(root, options)) {
      const found = options.rootOutside ? seenInside(each, options.rootOutside) : each;
      yield* options.asLayer ? packLayerEntry(found) : packEntry(found, exact);
    }
    yield endOfArchive();
  } finally {
    closeFd(root);
  }
}

/** The number of whoever a user namespace has none for. user_namespaces(7) */
const nobody = 65_534;

function seenInside(found: Found, root: RootOutside): Found {
  const inside = (id: number, first: number): number => (id < first ? nobody : id - first);
  const { uid, gid } = found.entry;
  return { ...found, entry: { ...found.entry, uid: inside(uid, root.uid), gid: inside(gid, root.gid) } };
}

function* findPath(root: number, { path, rename, contentsOnly, exact, hidden }: PackOptions): Generator<Found> {
  const absolute = absolutePath(path);
  const walker = new TreeWalker({ xattrs: exact ? portableXattrs : archivedXattrs, hidden });
  const directory = isDirectoryInRoot(root, absolute);
  const place = toBytes(directory ? absolute : posix.dirname(absolute));
  const parent = openAt2(root, place, O_PATH | constants.O_DIRECTORY, inRoot);
  try {
    const name = toBytes(rename ?? posix.basename(absolute));
    if (contentsOnly) yield* walker.children(parent, '.', '');
    else if (directory) yield* walker.walk(parent, '.', name === '' ? '/' : name);
    else yield* walker.walk(parent, toBytes(posix.basename(absolute)), name);
  } finally {
    closeFd(parent);
  }
}

function isDirectoryInRoot(root: number, path: string): boolean {
  try {
    return isDirectory(statInRoot(root, path).mode);
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ENOTDIR')) throw notFound(path, { cause: error });
    throw error;
  }
}

/** An entry of an overlay's upper directory as an image layer has it (OCI image specification, layer.md#whiteouts). */
function* packLayerEntry(found: Found): Generator<Buffer> {
  const { entry, directory, base } = found;
  const mayBeWhiteout = entry.type === 'characterDevice' || (entry.type === 'file' && entry.size === 0);
  if (mayBeWhiteout && isWhiteout(directory, base, statAt(directory, base))) {
    yield encodeHeader(whiteout(entry, `${parentOf(entry.name)}.wh.${base}`));
    return;
  }
  yield* packEntry(found);
  if (entry.type === 'directory' && isOpaque(directory, base))
    yield encodeHeader(whiteout(entry, `${entry.name}.wh..wh..opq`));
}

const parentOf = (name: ByteString): ByteString => name.slice(0, name.lastIndexOf('/') + 1);

const whiteout = (entry: TarEntry, name: ByteString): TarEntry => ({
  ...entry,
  name,
  type: 'file',
  mode: 0o600,
  size: 0,
  linkName: '',
  device: { major: 0, minor: 0 },
  xattrs: new Map(),
});

/** `exact`: times to the nanosecond, and holes stay holes. */
function* packEntry(found: Found, exact = false): Generator<Buffer> {
  const { entry } = found;
  if (entry.type !== 'file') {
    yield encodeHeader(entry, { exactTimes: exact });
    return;
  }
  const file = openIfThere(found);
  if (file === undefined) return;
  try {
    const fragments = exact ? dataOf(file, entry.size) : undefined;
    yield encodeHeader({ ...entry, ...(fragments && { fragments }) }, { exactTimes: exact });
    yield* fragmentsOf(file, entry.size, fragments);
    yield padding(fragments ? lengthOf(fragments) : entry.size);
  } finally {
    closeFd(file);
  }
}

function openIfThere(found: Found): number | undefined {
  try {
    return openFound(found);
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ELOOP', 'ENXIO')) return undefined; // gone since we looked
    throw error;
  }
}

const slabBytes = 256 * 1024;

/**
 * Gathers small pieces, each of which is there until the next one is asked for, into large ones, each with a buffer of its
 * own, ready to be handed to another thread.
 */
export function* inSlabs(pieces: Iterable<Buffer>): Generator<Buffer> {
  let slab = Buffer.allocUnsafeSlow(slabBytes);
  let filled = 0;
  for (const piece of pieces) {
    const full = filled > 0 && filled + piece.length > slabBytes ? slab.subarray(0, filled) : undefined;
    if (full) [slab, filled] = [Buffer.allocUnsafeSlow(slabBytes), 0];
    const large = filled === 0 && piece.length >= slabBytes / 4;
    if (!large) filled += piece.copy(slab, filled); // first: while we wait, this thread may read for another job
    if (full) yield full;
    if (large) yield isAlone(piece) ? piece : Buffer.from(piece);
  }
  if (filled > 0) yield slab.subarray(0, filled);
}

const isAlone = (piece: Buffer): boolean => piece.length === piece.buffer.byteLength;
