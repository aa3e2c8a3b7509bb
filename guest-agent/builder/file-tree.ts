import { createHash, type Hash } from 'node:crypto';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { extract, type Header, pack } from 'tar-stream';
import { Spool } from './spool.ts';
import { TreeListing } from './tree-listing.ts';

/** A file of a tree: a tar's header, and where its bytes are. */
export interface TreeEntry {
  type: 'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo';
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: Date;
  /** Of a symbolic link. */
  target: string;
  /** Of a device. */
  device: { major: number; minor: number };
  /** Extended attributes, as pax records. */
  attributes: Readonly<Record<string, string>>;
  offset: number;
  /** Of the bytes; '' where there are none. */
  digest: string;
  /** The same for all names of one file; absent where it has but one. */
  inode?: string;
}

/** How a file of a tree is written elsewhere. */
export interface Placed {
  path: string;
  entry: TreeEntry;
}

let inodes = 0;

const knownTypes = ['file', 'directory', 'symlink', 'character-device', 'block-device', 'fifo'];
const longestLinkChain = 40;
const wasteBytes = 64 * 1024 * 1024;

/** Without slashes around it; '' is the root. */
export const cleanPath = (path: string): string => posix.normalize(`/${path}`).replace(/^\/+|\/+$/g, '');

/** `a/b/c` → `a`, `a/b`, `a/b/c`. */
export function ancestors(path: string): string[] {
  const parts = cleanPath(path).split('/').filter(Boolean);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * Files that a build copies from: a context, or what of an image was asked for. Names are only keys here: links are
 * followed in memory, so nothing that a hostile client sends can point outside.
 */
export class FileTree {
  readonly #spool: Spool;
  #listing = new TreeListing();
  #closed = false;

  /** `from`: a tree whose bytes this one shares, and to which it may add. */
  constructor(folder: string, from?: FileTree) {
    this.#spool = from ? from.#spool.share() : new Spool(folder);
  }

  /** Reads a tar, not packed; its names come below `prefix`. Resolves with the number of bytes that it held. */
  async addTar(
    tar: Readable,
    options: { prefix?: string; resetOwners?: boolean; keep?: (path: string) => boolean } = {},
  ): Promise<number> {
    const { prefix = '', resetOwners = false, keep = () => true } = options;
    const members = extract();
    let bytes = 0;
    tar.on('error', error => members.destroy(error));
    tar.pipe(members);
    for await (const member of members) {
      const header = resetOwners ? { ...member.header, uid: 0, gid: 0 } : member.header;
      const path = cleanPath(posix.join(prefix, posix.resolve('/', header.name)));
      if (!keep(path)) {
        member.resume();
        continue;
      }
      const file = this.begin();
      for await (const chunk of member as AsyncIterable<Buffer>) {
        file.write(chunk);
        bytes += chunk.length;
      }
      if (header.type === 'link') this.link(path, posix.join(prefix, header.linkname ?? ''));
      else this.#addMember(path, header, file.end());
    }
    return bytes;
  }

  #addMember(path: string, header: Header, content: Pick<TreeEntry, 'offset' | 'size' | 'digest'>): void {
    const type = header.type ?? 'file';
    if (!isKnown(type)) return;
    const attributes = Object.entries(header.pax ?? {}).filter(([key]) => key.startsWith('SCHILY.xattr.'));
    this.add(path, {
      type,
      mode: (header.mode ?? 0o644) & 0o7777,
      uid: header.uid ?? 0,
      gid: header.gid ?? 0,
      mtime: header.mtime ?? new Date(0),
      target: type === 'symlink' ? (header.linkname ?? '') : '',
      device: { major: header.devmajor ?? 0, minor: header.devminor ?? 0 },
      attributes: Object.fromEntries(attributes.map(([key, value]) => [key, String(value)])),
      ...content,
      ...(type === 'file' ? {} : { size: 0, digest: '' }),
    });
  }

  /** A file whose bytes come now; one at a time. */
  begin(): { write(chunk: Uint8Array): void; end(): Pick<TreeEntry, 'offset' | 'size' | 'digest'> } {
    const offset = this.#spool.end;
    const hash: Hash = createHash('sha256');
    return {
      write: chunk => {
        hash.update(chunk);
        this.#spool.write(chunk);
      },
      end: () => ({ offset, size: this.#spool.end - offset, digest: hash.digest('hex') }),
    };
  }

  add(path: string, entry: TreeEntry): void {
    this.#listing = this.#listing.changed(entries => entries.set(path, entry));
  }

  /** One more name of a file; none, where that is not there. */
  link(path: string, target: string): void {
    const entry = this.#listing.entries.get(cleanPath(target));
    if (!entry) return;
    const linked = { ...entry, inode: entry.inode ?? String(++inodes) };
    if (!entry.inode) this.add(cleanPath(target), linked);
    this.add(path, linked);
  }

  remove(path: string): void {
    this.#listing = this.#listing.changed(entries => entries.delete(path));
  }

  /** Another tree of the same files, with an end of its own. */
  copy(folder: string): FileTree {
    const copy = new FileTree(folder, this);
    copy.become(this);
    return copy;
  }

  /** Has the files of another tree from now on, whose bytes it shares. */
  become(other: FileTree): void {
    this.#listing = other.#listing.share();
  }

  /** True when most of the bytes that are kept belong to files that are not there any more. */
  get isWasteful(): boolean {
    const used = this.#listing.entries.values().reduce((sum, { size }) => sum + size, 0);
    return this.#spool.end > 2 * used + wasteBytes;
  }

  /** A file with these bytes. */
  addFile(path: string, content: Uint8Array, attributes: Partial<TreeEntry> = {}): void {
    const file = this.begin();
    file.write(content);
    this.add(path, { ...plainEntry('file'), ...attributes, ...file.end() });
  }

  /** The entry itself; a link is not followed. */
  get(path: string): TreeEntry | undefined {
    const { entries } = this.#listing;
    return entries.get(path) ?? (path === '' ? plainEntry('directory') : this.#implied(path));
  }

  /** Where a path leads when links on the way, and the last one too, are followed; undefined when nothing is there. */
  resolve(path: string): string | undefined {
    let pending = cleanPath(path).split('/').filter(Boolean);
    let at = '';
    for (let hops = 0; hops < longestLinkChain; ) {
      const [name, ...rest] = pending;
      if (name === undefined) return at;
      pending = rest;
      const next = cleanPath(`${at}/${name}`);
      const entry = this.get(next);
      if (!entry) return undefined;
      if (entry.type === 'symlink') {
        hops++;
        const target = entry.target.startsWith('/') ? entry.target : `${at}/${entry.target}`;
        pending = [...cleanPath(target).split('/').filter(Boolean), ...rest];
        at = '';
      } else at = next;
    }
    return undefined;
  }

  /** All paths, a directory before what it holds. */
  get paths(): readonly string[] {
    return this.#listing.paths;
  }

  /** What `make` says of these files: worked out once for all trees that are the same. */
  remember(key: string, make: () => string): string {
    return this.#listing.remember(key, make);
  }

  /** Paths below a directory. */
  below(path: string): string[] {
    return path === '' ? [...this.paths] : this.paths.filter(each => each.startsWith(`${path}/`));
  }

  bytesOf({ offset, size }: TreeEntry): Buffer {
    return Buffer.concat([...this.#spool.read(offset, size)]);
  }

  /** The bytes as they are read. */
  open({ offset, size }: TreeEntry): Readable {
    return Readable.from(this.#spool.read(offset, size), { objectMode: false });
  }

  /** A tar of those files, to be unpacked elsewhere. */
  toTar(files: Iterable<Placed>): Readable {
    const tar = pack();
    this.#packAll(tar, files).then(
      () => tar.finalize(),
      error => tar.destroy(error),
    );
    return Readable.from(inBlocks(tar as AsyncIterable<Buffer>), { objectMode: false, highWaterMark: blockBytes });
  }

  async #packAll(tar: ReturnType<typeof pack>, files: Iterable<Placed>): Promise<void> {
    const known = new Map<string, string>();
    for (const { path, entry } of files) {
      const { type, mode, uid, gid, mtime, target, device, attributes, size, offset, inode = '' } = entry;
      const owned = { mode: mode || noMode, uid, gid, mtime };
      const linkname = known.get(inode);
      if (linkname !== undefined) {
        tar.entry({ name: path, type: 'link', linkname, ...owned });
        continue;
      }
      if (inode !== '') known.set(inode, path);
      const name = type === 'directory' ? `${path}/` : path;
      const header: Partial<Header> & { name: string } = { name, type, ...owned, size };
      const more = { ...(target ? { linkname: target } : {}), devmajor: device.major, devminor: device.minor };
      const pax = Object.keys(attributes).length > 0 ? { pax: { ...attributes } } : {};
      await new Promise<void>((resolve, reject) => {
        const member = tar.entry({ ...header, ...more, ...pax }, error => (error ? reject(error) : resolve()));
        if (type !== 'file') return;
        void feed(member, this.#spool.read(offset, size)).catch(reject);
      });
    }
  }

  /** Any number of times. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#spool.close();
  }

  /** A directory that is there because something is in it. */
  #implied(path: string): TreeEntry | undefined {
    return this.paths.some(each => each.startsWith(`${path}/`)) ? plainEntry('directory') : undefined;
  }
}

/** tar-stream takes 0 for a mode that nobody said; of this it writes the lower bits alone. */
const noMode = 0o100000;

const blockBytes = 256 * 1024;

/** A tar comes in pieces of a header or a small file each; a thread takes them better together. */
async function* inBlocks(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    held.push(piece);
    length += piece.length;
    if (length < blockBytes) continue;
    yield Buffer.concat(held, length);
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(held, length);
}

async function feed(member: NodeJS.WritableStream, pieces: Iterable<Buffer>): Promise<void> {
  for (const piece of pieces) {
    if (!member.write(piece)) await new Promise(resolve => member.once('drain', resolve));
  }
  member.end();
}

const isKnown = (type: string): type is TreeEntry['type'] => knownTypes.includes(type);

/** Root's own, made now. */
export const plainEntry = (type: TreeEntry['type']): TreeEntry => ({
  type,
  mode: type === 'directory' ? 0o755 : 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: new Date(),
  target: '',
  device: { major: 0, minor: 0 },
  attributes: {},
  offset: 0,
  digest: '',
});
