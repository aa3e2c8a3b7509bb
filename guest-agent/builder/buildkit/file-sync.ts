import { invalidArgument } from '../../../contracts/errors.ts';
import { cleanPath, type FileTree, type TreeEntry } from '../file-tree.ts';
import type { KeptContext } from './kept-contexts.ts';
import { decode, encode } from './messages.ts';
import type { ClientCall, Session } from './session.ts';
import { Comparison, SameBytes, type ToldFile, type ToldFiles, toldFiles } from './told-files.ts';
import { goMode, type Packet, packets, type Stat } from './wire.ts';

const method = '/moby.filesync.v1.FileSync/DiffCopy';
const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

export interface SyncRequest {
  /** Which of the client's directories: `context`, `dockerfile`, or a named one. */
  name: string;
  include?: readonly string[];
  exclude?: readonly string[];
  /** Paths that come with what their links lead to. */
  follow?: readonly string[];
  /** As it was sent last; its bytes are the tree's, too. */
  last?: KeptContext | undefined;
  /** Told as bytes arrive. */
  progress?(bytes: number): void;
}

/**
 * Brings a directory of the client into the tree: all that it says is there, and the bytes of every file that is not known
 * from the last time (fsutil's protocol). Resolves with what it said.
 */
export async function syncFiles(
  session: Pick<Session, 'call'>,
  request: SyncRequest,
  tree: FileTree,
): Promise<ToldFiles> {
  const call = session.call(method, {
    'dir-name': request.name,
    ...listed('include-patterns', request.include),
    ...listed('exclude-patterns', request.exclude),
    ...listed('followpaths', request.follow),
  });
  const receiver = new Receiver(call, tree, request);
  return receiver.run();
}

/** What HTTP/2 cannot carry as it is goes encoded, as the client's own library does. */
function listed(key: string, values: readonly string[] | undefined): Record<string, string[]> {
  if (!values || values.length === 0) return {};
  const isPlain = values.every(value => /^[\x20-\x7e]*$/.test(value));
  if (isPlain) return { [key]: [...values] };
  return { [`${key}-encoded`]: ['1'], [key]: values.map(value => encodeURIComponent(value)) };
}

/** Files asked for ahead, so that a tree of small ones does not wait for an answer each. */
const aheadFiles = 64;
/** …and how much of them may wait in memory. */
const aheadBytes = 4 * 1024 * 1024;
/** What is larger comes alone, and straight to the disk. */
const largeBytes = 1024 * 1024;

/** A file whose bytes are under way: held until they are all there, or written as they come. */
interface Coming {
  stat: Stat;
  pieces: Uint8Array[];
  straight: ReturnType<FileTree['begin']> | undefined;
}

class Receiver {
  readonly #call: ClientCall;
  readonly #tree: FileTree;
  readonly #request: SyncRequest;
  /** Files whose bytes are still to be asked for. */
  readonly #wanted: { id: number; stat: Stat }[] = [];
  /** Those under way: what came of each. */
  readonly #coming = new Map<number, Coming>();
  readonly #told: ToldFile[] = [];
  readonly #comparison: Comparison | undefined;
  readonly #links: { path: string; target: string }[] = [];
  #next = 0;
  #bytes = 0;
  #ahead = 0;
  #listed = false;
  /** How the client said that this was all. */
  #end = Buffer.alloc(0);
  #ended = false;

  constructor(call: ClientCall, tree: FileTree, request: SyncRequest) {
    this.#call = call;
    this.#tree = tree;
    this.#request = request;
    this.#comparison = request.last && new Comparison(request.last.told.files);
  }

  /** Resolves with what the client said; where that is what it said the last time, the tree is as it was. */
  async run(): Promise<ToldFiles> {
    const { last } = this.#request;
    const same = last && new SameBytes(last.told.bytes);
    await this.#call.read(message => this.#take(message), same && (chunk => this.#skip(chunk, same)));
    if (last && same?.isWhole && this.#told.length === 0) return last.told;
    for (const { path, target } of this.#links) this.#tree.link(path, target);
    return toldFiles(this.#told, this.#end);
  }

  #skip(chunk: Buffer, same: SameBytes): true | Buffer {
    if (!same.goOn(chunk)) return same.isWhole ? Buffer.alloc(0) : same.bytes;
    if (same.isWhole) this.#onSame();
    return true;
  }

  #onSame(): void {
    const { last } = this.#request;
    if (last) this.#tree.become(last.tree);
    this.#listed = true;
    this.#ask();
  }

  #take(message: Buffer): void {
    const again = this.#listed ? undefined : this.#comparison?.again(message);
    if (again) this.#addAgain(again);
    else this.#read(message);
  }

  #read(message: Buffer): void {
    const packet = decode<Packet>('Packet', message);
    if (packet.type === packets.error) throw invalidArgument(Buffer.from(packet.data).toString());
    if (packet.type === packets.stat) this.#onStat(packet.stat, message);
    else if (packet.type === packets.data) this.#onData(packet);
    else if (packet.type === packets.end) this.#call.end();
    this.#ask();
  }

  /** An empty one says that all names were told. */
  #onStat(stat: Stat | null, message: Buffer): void {
    if (stat && stat.path !== '') this.#announce(stat, message);
    else {
      this.#end = Buffer.from(message);
      this.#listed = true;
    }
  }

  #addAgain(file: ToldFile): void {
    const { path, linkOf } = file;
    const entry = this.#request.last?.tree.get(path);
    this.#told.push(file);
    if (linkOf !== undefined) this.#links.push({ path, target: linkOf });
    else if (entry) this.#tree.add(path, entry);
  }

  #onData({ ID, data }: Packet): void {
    const file = this.#coming.get(ID);
    if (!file) return;
    if (data.length > 0) {
      if (file.straight) file.straight.write(data);
      else file.pieces.push(data);
      this.#bytes += data.length;
      this.#request.progress?.(this.#bytes);
      return;
    }
    const kept = file.straight ?? this.#tree.begin();
    for (const piece of file.pieces) kept.write(piece);
    this.#tree.add(cleanPath(file.stat.path), { ...entryOf(file.stat), ...kept.end() });
    this.#coming.delete(ID);
    this.#ahead -= file.stat.size;
  }

  #ask(): void {
    while (this.#coming.size < aheadFiles && (this.#ahead < aheadBytes || this.#coming.size === 0)) {
      const file = this.#wanted[this.#next];
      if (!file) break;
      const isLarge = file.stat.size > largeBytes;
      if (isLarge && this.#coming.size > 0) break;
      this.#next++;
      this.#coming.set(file.id, { stat: file.stat, pieces: [], straight: isLarge ? this.#tree.begin() : undefined });
      this.#ahead += file.stat.size;
      void this.#call.send(encode('Packet', { type: packets.request, ID: file.id }));
    }
    const done = this.#listed && this.#coming.size === 0 && this.#next === this.#wanted.length;
    if (!done || this.#ended) return;
    this.#ended = true;
    void this.#call.send(encode('Packet', { type: packets.end }));
  }

  /** The bytes of a file that is as it was: size and time say so, as they do to rsync and to BuildKit. */
  #known(path: string, { size, modTime, mode }: Stat): Pick<TreeEntry, 'offset' | 'size' | 'digest'> | undefined {
    const told = this.#comparison?.before(path);
    if (!told || told.linkOf !== undefined) return undefined;
    const before = decode<Packet>('Packet', told.message).stat;
    if (before?.size !== size || before.modTime !== modTime || before.mode !== mode) return undefined;
    const entry = this.#request.last?.tree.get(path);
    return entry && { offset: entry.offset, size: entry.size, digest: entry.digest };
  }

  #announce(stat: Stat, message: Buffer): void {
    const id = this.#told.length;
    const path = cleanPath(stat.path);
    const entry = entryOf(stat);
    const known = this.#known(path, stat);
    const linkOf = entry.type === 'file' && stat.linkname !== '' ? cleanPath(stat.linkname) : undefined;
    this.#told.push({ message: Buffer.from(message), path, linkOf }); // a copy: a message lies in a block with much else
    if (linkOf !== undefined) this.#links.push({ path, target: linkOf });
    else if (entry.type !== 'file') this.#tree.add(path, entry);
    else if (known) this.#tree.add(path, { ...entry, ...known });
    else this.#wanted.push({ id, stat });
  }
}

function entryOf({ mode, modTime, linkname, devmajor, devminor, xattrs }: Stat): TreeEntry {
  const special = [has(mode, goMode.setuid) ? 0o4000 : 0, has(mode, goMode.setgid) ? 0o2000 : 0];
  const sticky = has(mode, goMode.sticky) ? 0o1000 : 0;
  const attributes = Object.entries(xattrs).map(([name, value]) => [
    `SCHILY.xattr.${name}`,
    Buffer.from(value).toString(),
  ]);
  return {
    type: typeOf(mode),
    mode: (mode % 0o1000) + special.reduce((sum, bit) => sum + bit, sticky),
    uid: 0, // as Docker has it: what is sent belongs to root
    gid: 0,
    size: 0,
    mtime: new Date(modTime / 1e6),
    target: has(mode, goMode.symlink) ? linkname : '',
    device: { major: devmajor, minor: devminor },
    attributes: Object.fromEntries(attributes),
    offset: 0,
    digest: '',
  };
}

function typeOf(mode: number): TreeEntry['type'] {
  if (has(mode, goMode.directory)) return 'directory';
  if (has(mode, goMode.symlink)) return 'symlink';
  if (has(mode, goMode.device)) return has(mode, goMode.character) ? 'character-device' : 'block-device';
  return has(mode, goMode.pipe) || has(mode, goMode.socket) ? 'fifo' : 'file';
}
