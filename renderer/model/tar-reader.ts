import type { FileEntry } from './file-list.ts';

/** An entry of a tar; `name` without `./` before and `/` after it. */
export interface TarEntry {
  name: string;
  kind: FileEntry['kind'];
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  mode: number;
  uid: number;
  gid: number;
  /** Where a link leads. */
  target: string;
}

/** Takes the bytes of an entry as they come. */
export type TarTaker = (bytes: Uint8Array) => void;

const block = 512;
const kinds: Record<string, FileEntry['kind']> = { '0': 'file', '\0': 'file', '5': 'folder', '2': 'link', '1': 'file' };
const decoder = new TextDecoder();

/**
 * Reads a tar while it comes, in parts of any size: ustar, with the longer names of GNU and of PAX. `visit` is told of each
 * entry and says who takes its bytes, if anybody.
 */
export class TarReader {
  readonly #visit: (entry: TarEntry) => TarTaker | undefined;
  #rest: Uint8Array = new Uint8Array(0);
  /** Bytes of the entry that are still to come, and the filling up to a whole block. */
  #content = 0;
  #filling = 0;
  #taker: TarTaker | undefined;
  #pax: Record<string, string> = {};
  #longName = '';
  #longTarget = '';

  constructor(visit: (entry: TarEntry) => TarTaker | undefined) {
    this.#visit = visit;
  }

  push(part: Uint8Array): void {
    let bytes = part;
    while (bytes.length > 0) {
      if (this.#content > 0) bytes = this.#takeContent(bytes);
      else if (this.#filling > 0) bytes = this.#skip(bytes);
      else bytes = this.#takeHeader(bytes);
    }
  }

  #takeContent(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, this.#content);
    this.#taker?.(taken);
    this.#content -= taken.length;
    return bytes.subarray(taken.length);
  }

  #skip(bytes: Uint8Array): Uint8Array {
    const length = Math.min(bytes.length, this.#filling);
    this.#filling -= length;
    return bytes.subarray(length);
  }

  #takeHeader(bytes: Uint8Array): Uint8Array {
    const missing = block - this.#rest.length;
    const whole = new Uint8Array(this.#rest.length + Math.min(missing, bytes.length));
    whole.set(this.#rest);
    whole.set(bytes.subarray(0, missing), this.#rest.length);
    const complete = whole.length === block;
    this.#rest = complete ? new Uint8Array(0) : whole;
    // two blocks of zeros are the end; what follows is filling
    if (complete && whole[0] !== 0) this.#begin(whole);
    return bytes.subarray(missing);
  }

  #begin(header: Uint8Array): void {
    const size = Number(this.#pax.size ?? numberAt(header, 124, 12));
    const type = String.fromCharCode(header[156] ?? 0);
    this.#content = type === '0' || type === '\0' || 'xgLK'.includes(type) ? size : 0;
    this.#filling = (block - (this.#content % block)) % block;
    if (type === 'x' || type === 'g') this.#taker = collect(this.#content, bytes => this.#takePax(type, bytes));
    else if (type === 'L') this.#taker = collect(size, bytes => this.#takeName(bytes));
    else if (type === 'K') this.#taker = collect(size, bytes => this.#takeTarget(bytes));
    else this.#tell(header, type, this.#content);
  }

  #takeName(bytes: Uint8Array): void {
    this.#longName = cut(bytes);
  }

  #takeTarget(bytes: Uint8Array): void {
    this.#longTarget = cut(bytes);
  }

  #tell(header: Uint8Array, type: string, size: number): void {
    const prefix = cut(header.subarray(345, 500));
    const ustar = cut(header.subarray(257, 262)) === 'ustar' && prefix !== '' && header[263] === 0x30;
    const short = (ustar ? `${prefix}/` : '') + cut(header.subarray(0, 100));
    const name = this.#pax.path ?? (this.#longName || short);
    this.#taker = this.#visit({
      name: name.replace(/^\.?\/+/, '').replace(/\/+$/, ''),
      kind: kinds[type] ?? 'other',
      size,
      modified: Number(this.#pax.mtime ?? numberAt(header, 136, 12)) * 1000,
      mode: numberAt(header, 100, 8) & 0o7777,
      uid: Number(this.#pax.uid ?? numberAt(header, 108, 8)),
      gid: Number(this.#pax.gid ?? numberAt(header, 116, 8)),
      target: this.#pax.linkpath ?? (this.#longTarget || cut(header.subarray(157, 257))),
    });
    this.#pax = {};
    this.#longName = '';
    this.#longTarget = '';
  }

  /** Records are `length key=value\n`, the length in bytes and of the whole record. */
  #takePax(type: string, bytes: Uint8Array): void {
    if (type === 'g') return;
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(0x20, at);
      const length = Number(decoder.decode(bytes.subarray(at, space)));
      if (space === -1 || !(length > 0)) return;
      const record = decoder.decode(bytes.subarray(space + 1, at + length - 1));
      const equals = record.indexOf('=');
      this.#pax[record.slice(0, equals)] = record.slice(equals + 1);
      at += length;
    }
  }
}

const cut = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return decoder.decode(end === -1 ? bytes : bytes.subarray(0, end));
};

/** Octal digits; or, with the highest bit set, a number in base 256. */
function numberAt(header: Uint8Array, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(cut(field).trim(), 8) || 0;
  return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** More than any name needs; what claims more is cut. */
const longestRecord = 1 << 20;

function collect(size: number, done: (bytes: Uint8Array) => void): TarTaker {
  const whole = new Uint8Array(Math.min(size, longestRecord));
  let at = 0;
  return bytes => {
    whole.set(bytes.subarray(0, Math.max(0, whole.length - at)), Math.min(at, whole.length));
    at += bytes.length;
    if (at >= size) done(whole);
  };
}

/** The entries of a folder, by the paths of a whole tar; folders that the tar does not name have no time. */
export function folderOf(entries: readonly TarEntry[], folder: string): FileEntry[] {
  const prefix = folder === '' ? '' : `${folder}/`;
  const found = new Map<string, FileEntry>();
  for (const entry of entries) {
    if (!entry.name.startsWith(prefix) || entry.name.length === prefix.length) continue;
    const [name = '', ...below] = entry.name.slice(prefix.length).split('/');
    if (below.length === 0) found.set(name, fileEntry(name, entry));
    else if (!found.has(name))
      found.set(name, { name, kind: 'folder', size: 0, modified: '', permissions: '', target: '' });
  }
  return inOrder([...found.values()]);
}

/** Folders first, each by name. */
export const inOrder = (entries: readonly FileEntry[]): FileEntry[] =>
  entries.toSorted((a, b) => Number(b.kind === 'folder') - Number(a.kind === 'folder') || (a.name < b.name ? -1 : 1));

const fileEntry = (name: string, { kind, size, modified, mode, target }: TarEntry): FileEntry => ({
  name,
  kind,
  size,
  modified: new Date(modified).toISOString().slice(0, 19).replace('T', ' '),
  permissions: permissionText(mode),
  target: kind === 'link' ? target : '',
});

const permissionText = (mode: number): string =>
  [6, 3, 0]
    .map(shift => ['r', 'w', 'x'].map((letter, bit) => ((mode >> shift) & (4 >> bit) ? letter : '-')).join(''))
    .join('');
