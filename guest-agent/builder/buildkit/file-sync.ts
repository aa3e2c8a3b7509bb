import { invalidArgument } from '../../../contracts/errors.ts';
import { cleanPath, type FileTree, type TreeEntry } from '../file-tree.ts';
import type { KeptContext } from './kept-contexts.ts';
import { decode, encode } from './messages.ts';
import type { ClientCall, Session } from './session.ts';
import { goMode, type Packet, packets, type Stat } from './wire.ts';

const method = '/moby.filesync.v1.FileSync/DiffCopy';
const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

export interface SyncRequest {
  /** Which of the client's directories: `context`, `dockerfile`, or a named one. */
  name: string;
  include?: readonly string[];
  exclude?: readonly string[];
  /** As it was sent last; its bytes are the tree's, too. */
  last?: KeptContext | undefined;
  /** Told as bytes arrive. */
  progress?(bytes: number): void;
}

/**
 * Brings a directory of the client into the tree: all that it says is there, and the bytes of every file that is not known
 * from the last time (fsutil's protocol). Resolves with what it said of each file.
 */
export async function syncFiles(session: Session, request: SyncRequest, tree: FileTree): Promise<Map<string, Stat>> {
  const call = session.call(method, {
    'dir-name': request.name,
    ...listed('include-patterns', request.include),
    ...listed('exclude-patterns', request.exclude),
  });
  const receiver = new Receiver(call, tree, request);
  await receiver.run();
  return receiver.stats;
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
  readonly stats = new Map<string, Stat>();
  readonly #links: { path: string; target: string }[] = [];
  #next = 0;
  #index = 0;
  #bytes = 0;
  #ahead = 0;
  #listed = false;
  #ended = false;

  constructor(call: ClientCall, tree: FileTree, request: SyncRequest) {
    this.#call = call;
    this.#tree = tree;
    this.#request = request;
  }

  async run(): Promise<void> {
    await this.#call.read(message => {
      const packet = decode<Packet>('Packet', message);
      if (packet.type === packets.error) throw invalidArgument(Buffer.from(packet.data).toString());
      if (packet.type === packets.stat) this.#onStat(packet.stat);
      else if (packet.type === packets.data) this.#onData(packet);
      else if (packet.type === packets.end) this.#call.end();
      this.#ask();
    });
    for (const { path, target } of this.#links) {
      const entry = this.#tree.get(target);
      if (entry) this.#tree.add(path, entry);
    }
  }

  /** An empty one says that all names were told. */
  #onStat(stat: Stat | null): void {
    if (stat && stat.path !== '') this.#announce(stat);
    else this.#listed = true;
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
    const { last } = this.#request;
    const before = last?.stats.get(path);
    if (!last || before?.size !== size || before.modTime !== modTime || before.mode !== mode) return undefined;
    const entry = last.tree.get(path);
    return entry && { offset: entry.offset, size: entry.size, digest: entry.digest };
  }

  #announce(stat: Stat): void {
    const id = this.#index++;
    const path = cleanPath(stat.path);
    const entry = entryOf(stat);
    if (entry.type !== 'file') this.#tree.add(path, entry);
    else if (stat.linkname !== '') this.#links.push({ path, target: cleanPath(stat.linkname) });
    else {
      this.stats.set(path, stat);
      const known = this.#known(path, stat);
      if (known) this.#tree.add(path, { ...entry, ...known });
      else this.#wanted.push({ id, stat });
    }
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
