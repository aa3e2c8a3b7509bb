import { invalidArgument } from '../../../contracts/errors.ts';
import { cleanPath, type FileTree, type TreeEntry } from '../file-tree.ts';
import { decode, encode } from './messages.ts';
import type { ClientCall, Session } from './session.ts';

const method = '/moby.filesync.v1.FileSync/DiffCopy';
const packets = { stat: 0, request: 1, data: 2, end: 3, error: 4 } as const;

interface Stat {
  path: string;
  mode: number;
  size: number;
  modTime: number;
  linkname: string;
  devmajor: number;
  devminor: number;
  xattrs: Record<string, Uint8Array>;
}

interface Packet {
  type: number;
  stat: Stat | null;
  ID: number;
  data: Uint8Array;
}

/** Bits of Go's os.FileMode. */
const goMode = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  pipe: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  character: 2 ** 21,
  sticky: 2 ** 20,
} as const;

const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

export interface SyncRequest {
  /** Which of the client's directories: `context`, `dockerfile`, or a named one. */
  name: string;
  include?: readonly string[];
  exclude?: readonly string[];
  /** Told as bytes arrive. */
  progress?(bytes: number): void;
}

/** Brings a directory of the client into the tree: all that it says is there, and the bytes of every file (fsutil's protocol). */
export async function syncFiles(session: Session, request: SyncRequest, tree: FileTree): Promise<void> {
  const call = session.call(method, {
    'dir-name': request.name,
    ...listed('include-patterns', request.include),
    ...listed('exclude-patterns', request.exclude),
  });
  await new Receiver(call, tree, request).run();
}

/** What HTTP/2 cannot carry as it is goes encoded, as the client's own library does. */
function listed(key: string, values: readonly string[] | undefined): Record<string, string[]> {
  if (!values || values.length === 0) return {};
  const isPlain = values.every(value => /^[\x20-\x7e]*$/.test(value));
  if (isPlain) return { [key]: [...values] };
  return { [`${key}-encoded`]: ['1'], [key]: values.map(value => encodeURIComponent(value)) };
}

class Receiver {
  readonly #call: ClientCall;
  readonly #tree: FileTree;
  readonly #request: SyncRequest;
  /** Files whose bytes are awaited, in the order in which they were asked for. */
  readonly #wanted: { id: number; stat: Stat }[] = [];
  #links: { path: string; target: string }[] = [];
  #index = 0;
  #bytes = 0;

  constructor(call: ClientCall, tree: FileTree, request: SyncRequest) {
    this.#call = call;
    this.#tree = tree;
    this.#request = request;
  }

  async run(): Promise<void> {
    let file = this.#tree.begin();
    let asked = 0;
    let listed = false;
    const ask = (): void => {
      const next = this.#wanted[asked];
      if (next) this.#call.send(encode('Packet', { type: packets.request, ID: next.id }));
      else if (listed) this.#call.send(encode('Packet', { type: packets.end }));
    };
    for await (const message of this.#call.messages) {
      const packet = decode<Packet>('Packet', message);
      if (packet.type === packets.error) throw invalidArgument(Buffer.from(packet.data).toString());
      if (packet.type === packets.end) break;
      if (packet.type === packets.stat) {
        const { stat } = packet;
        if (stat && stat.path !== '') this.#announce(stat);
        else {
          listed = true;
          ask();
        }
      } else if (packet.type === packets.data) {
        if (packet.data.length > 0) {
          file.write(packet.data);
          this.#bytes += packet.data.length;
          this.#request.progress?.(this.#bytes);
        } else {
          const done = this.#wanted[asked++];
          if (done) this.#tree.add(cleanPath(done.stat.path), { ...entryOf(done.stat), ...file.end() });
          file = this.#tree.begin();
          ask();
        }
      }
    }
    this.#call.end();
    for (const { path, target } of this.#links) {
      const entry = this.#tree.get(target);
      if (entry) this.#tree.add(path, entry);
    }
  }

  #announce(stat: Stat): void {
    const id = this.#index++;
    const path = cleanPath(stat.path);
    const entry = entryOf(stat);
    if (entry.type !== 'file') this.#tree.add(path, entry);
    else if (stat.linkname !== '') this.#links.push({ path, target: cleanPath(stat.linkname) });
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
