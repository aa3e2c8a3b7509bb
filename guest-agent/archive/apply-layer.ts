import { invalidArgument, unavailable } from '../../contracts/errors.ts';
import { type ByteString, closeFd, isDirectory, isRegular, isSymlink, toText } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { isWhiteout, makeOpaque, makeWhiteout, markForFuse, unmarkForFuse } from '../syscalls/whiteout.ts';
import type { TarEntry } from './tar-format.ts';
import type { TarSink } from './tar-reader.ts';
import { FileBody, kindBits, type Place, partsOf, type TreeWriter } from './tree-writer.ts';

/** OCI image specification, layer.md#whiteouts. */
const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';
/** What AUFS kept for itself; some old images carry it. */
const aufsPrefix = '.wh..wh.';

export interface ApplyOptions {
  /** `overlay`: an image layer, whiteouts become overlayfs's own marks. `plain`: `docker cp`, no name is special. */
  whiteouts: 'overlay' | 'plain';
  noOverwriteDirNonDir?: boolean;
  /** A directory of the root that the archive's names are relative to; hard links too. */
  below?: string[];
  /** The archive's own root is the directory `below`. */
  withRoot?: boolean;
  /** An archive of more members would take the file system's last inodes. */
  mostFiles?: number;
  /** Owner of everything, whatever the archive says. */
  owner?: { uid: number; gid: number };
}

/** Performs the members of an archive on a tree. Give it to a TarReader, then call {@link finish}. */
export class LayerApplier implements TarSink {
  readonly #tree: TreeWriter;
  readonly #options: ApplyOptions;
  #open: { fd: number; entry: TarEntry; body: FileBody; path: ByteString } | undefined;
  #size = 0;
  #linkBytes = 0;
  #entries = 0;
  #hasReplaced = false;

  constructor(tree: TreeWriter, options: ApplyOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  /** The path of the file below the root whose contents are being written; what has none of its own goes nowhere. */
  get openFile(): ByteString | undefined {
    return this.#open?.path;
  }

  /** Lengths of what symbolic links say, in bytes: Docker counts them. */
  get linkBytes(): number {
    return this.#linkBytes;
  }

  /** True when a later member of the archive took the place of an earlier one. */
  get hasReplaced(): boolean {
    return this.#hasReplaced;
  }

  entry(entry: TarEntry): void {
    if (++this.#entries > (this.#options.mostFiles ?? Number.POSITIVE_INFINITY))
      throw unavailable('no space left on device: the archive has more files than the file system has left');
    const inner = partsOf(entry.name);
    const parts = this.#below(inner);
    const name = inner.at(-1) ?? (this.#options.withRoot && entry.type === 'directory' ? '.' : undefined);
    if (name === undefined) return; // the root itself: its owner decides about it, as with Docker
    if (this.#options.whiteouts === 'overlay' && name.startsWith(whiteoutPrefix)) {
      this.#whiteout(parts, name);
      return;
    }
    const owned = this.#options.owner ? { ...entry, ...this.#options.owner } : entry;
    try {
      this.#make(owned, parts);
    } catch (error) {
      if (!isSyscallError(error, 'EEXIST')) throw error;
      this.#clear(this.#tree.place(parts), owned);
      this.#tree.forgetParents();
      this.#make(owned, parts);
    }
  }

  data(chunk: Buffer): void {
    this.#open?.body.write(chunk);
  }

  end(): void {
    if (!this.#open) return;
    const { fd, entry } = this.#open;
    this.#open = undefined;
    this.#tree.finishFile(fd, entry);
    this.#size += entry.size;
  }

  /** @returns bytes in the regular files that were made */
  finish(): number {
    this.#tree.finish();
    return this.#size;
  }

  /** Closes what is open after a failure. Safe at any time. */
  abandon(): void {
    if (this.#open) closeFd(this.#open.fd);
    this.#open = undefined;
    this.#tree.forgetParents();
  }

  #make(entry: TarEntry, parts: string[]): void {
    const place = this.#tree.place(parts);
    switch (entry.type) {
      case 'file': {
        const fd = this.#tree.createFile(place);
        this.#open = { fd, entry, body: new FileBody(fd, entry), path: parts.join('/') };
        return;
      }
      case 'directory':
        this.#directory(place, entry, parts);
        return;
      case 'symlink':
        this.#tree.symlink(place, entry);
        this.#linkBytes += entry.linkName.length;
        return;
      case 'hardLink':
        this.#hardLink(place, entry, parts);
        return;
      default:
        this.#tree.special(place, kindBits[entry.type], entry);
    }
  }

  #directory(place: Place, entry: TarEntry, parts: string[]): void {
    const there = this.#tree.find(place);
    if (there && !isDirectory(there.mode)) {
      const hid = this.#options.whiteouts === 'overlay' && isWhiteout(place.directory, place.name, there);
      this.#clear(place, entry);
      this.#tree.forgetParents();
      this.#tree.directory(this.#tree.place(parts), entry, parts);
      // a directory after a whiteout of the same name in one layer: what the lower layers have there stays hidden
      if (hid) markOpaque(this.#tree.place(parts));
      return;
    }
    this.#tree.directory(place, entry, parts);
  }

  #hardLink(place: Place, entry: TarEntry, parts: string[]): void {
    const target = partsOf(entry.linkName);
    if (target.length === 0)
      throw invalidArgument(`invalid hardlink "${toText(entry.name)}" -> "${toText(entry.linkName)}"`);
    const from = this.#below(target);
    if (from.join('/') !== parts.join('/')) this.#tree.hardLink(place, from);
  }

  #below(parts: string[]): string[] {
    return this.#options.below ? [...this.#options.below, ...parts] : parts;
  }

  /** Makes room for `entry`. */
  #clear(place: Place, entry: TarEntry): void {
    const there = this.#tree.find(place);
    if (!there) return;
    this.#hasReplaced = true;
    if (this.#options.noOverwriteDirNonDir) this.#refuseOtherKind(isDirectory(there.mode), entry);
    if (isRegular(there.mode) && there.links === 1) this.#size -= there.size;
    if (isSymlink(there.mode)) this.#linkBytes -= there.size;
    this.#tree.remove(place);
    if (this.#options.whiteouts === 'overlay') unmarkForFuse(place.directory, place.name);
  }

  #refuseOtherKind(isDirectoryThere: boolean, entry: TarEntry): void {
    if (isDirectoryThere === (entry.type === 'directory')) return;
    const path = toText(`/${this.#below(partsOf(entry.name)).join('/')}`);
    const below = toText(`/${this.#below([]).join('/')}`);
    const [there, wanted] = isDirectoryThere ? ['directory', 'non-directory'] : ['non-directory', 'directory'];
    throw invalidArgument(`cannot overwrite ${there} "${path}" with ${wanted} "${below}"`);
  }

  #whiteout(parts: string[], name: string): void {
    const place = this.#tree.place(parts);
    if (name === opaqueMarker) {
      markOpaque({ directory: place.directory, name: '' });
      return;
    }
    if (name.startsWith(aufsPrefix)) return;
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw invalidArgument(`invalid whiteout "${toText(name)}"`);
    const target = { directory: place.directory, name: hidden };
    const there = this.#tree.find(target);
    if (!there) {
      makeWhiteout(target.directory, hidden);
      markForFuse(target.directory, hidden);
    }
    // A whiteout speaks of the layers below only: what this layer itself has of that name stays.
    else if (isDirectory(there.mode)) markOpaque(target);
  }
}

const markOpaque = ({ directory, name }: Place): void => makeOpaque(directory, name);
