import { invalidArgument } from '../../contracts/errors.ts';
import { type PaxRecords, parsePax, paxBytes, paxNumber, paxTime } from './pax.ts';
import {
  checkFragments,
  gnuFragments,
  gnuHeaderFragments,
  gnuIsExtended,
  gnuRealSize,
  isPaxSparse1,
  paxFragments,
  paxRealSize,
  SparseMapReader,
} from './sparse.ts';
import {
  blockSize,
  type EntryType,
  type Fragment,
  invalidHeader,
  isZeroBlock,
  parseHeader,
  type RawHeader,
  type TarEntry,
} from './tar-format.ts';

/** Who is told what an archive holds. All calls are synchronous: a 200 MB layer has ten thousand members. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** Contents of the entry, in order; of a sparse file its fragments, one after the other. Valid during the call only. */
  data(chunk: Buffer): void;
  /** The entry is whole. */
  end(): void;
  /** All that is no contents, in its place: headers, padding, what follows the end. Of a header once it was told by `entry`. */
  around?(bytes: Buffer): void;
}

/** Names and extended headers are kept in memory, so they have a limit, the same as Go's archive/tar. */
const maximumHeaderBytes = 1 << 20;
const maximumPathBytes = 4096;

const types: Record<string, EntryType> = {
  0: 'file',
  7: 'file',
  S: 'file',
  1: 'hardLink',
  2: 'symlink',
  3: 'characterDevice',
  4: 'blockDevice',
  5: 'directory',
  6: 'fifo',
};

type State =
  | { at: 'header' }
  | { at: 'sparseBlock'; header: RawHeader; fragments: Fragment[] }
  | { at: 'sparseMap'; header: RawHeader; map: SparseMapReader; remaining: number }
  | { at: 'special'; typeFlag: string; parts: Buffer[]; remaining: number }
  | { at: 'body'; remaining: number }
  | { at: 'padding'; remaining: number }
  | { at: 'done' };

/**
 * Reads a tar archive that is pushed in pieces of any size. Of our own because no library of the registry keeps what
 * layers carry: binary xattrs (`security.capability`), sparse files, names that are not UTF-8.
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #block = Buffer.alloc(blockSize);
  #filled = 0;
  #state: State = { at: 'header' };
  #padding = 0;
  #zeroBlocks = 0;
  #pax: PaxRecords = new Map();
  #longName: string | undefined;
  #longLink: string | undefined;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** @throws invalid-argument for what is no archive, and whatever the sink throws */
  push(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      const isContents = this.#state.at === 'body';
      const length = this.#consume(rest);
      if (!isContents) this.#sink.around?.(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  }

  /** The input has ended. @throws invalid-argument `unexpected EOF` in the middle of a member */
  finish(): void {
    if (this.#state.at === 'done') return;
    if (this.#state.at !== 'header' || this.#filled > 0) throw invalidArgument('unexpected EOF');
  }

  #consume(input: Buffer): number {
    const state = this.#state;
    switch (state.at) {
      case 'done':
        return input.length;
      case 'padding': {
        const length = Math.min(state.remaining, input.length);
        state.remaining -= length;
        if (state.remaining === 0) this.#state = { at: 'header' };
        return length;
      }
      case 'body': {
        const length = Math.min(state.remaining, input.length);
        this.#sink.data(length === input.length ? input : input.subarray(0, length));
        state.remaining -= length;
        if (state.remaining === 0) this.#endBody();
        return length;
      }
      case 'special': {
        const length = Math.min(state.remaining, input.length);
        state.parts.push(Buffer.from(input.subarray(0, length)));
        state.remaining -= length;
        if (state.remaining === 0) this.#endSpecial(state.typeFlag, Buffer.concat(state.parts));
        return length;
      }
      default:
        return this.#consumeBlock(input);
    }
  }

  #consumeBlock(input: Buffer): number {
    if (this.#filled === 0 && input.length >= blockSize) {
      this.#onBlock(input.subarray(0, blockSize));
      return blockSize;
    }
    const length = Math.min(blockSize - this.#filled, input.length);
    input.copy(this.#block, this.#filled, 0, length);
    this.#filled += length;
    if (this.#filled === blockSize) {
      this.#filled = 0;
      this.#onBlock(this.#block);
    }
    return length;
  }

  #onBlock(block: Buffer): void {
    const state = this.#state;
    if (state.at === 'sparseBlock') {
      this.#onSparseBlock(state, block);
      return;
    }
    if (state.at === 'sparseMap') {
      this.#onSparseMapBlock(state, block);
      return;
    }
    if (isZeroBlock(block)) {
      if (++this.#zeroBlocks === 2) this.#state = { at: 'done' };
      return;
    }
    if (this.#zeroBlocks > 0) throw invalidHeader('a zero block in the middle');
    this.#onHeader(parseHeader(block));
  }

  #onHeader(header: RawHeader): void {
    if ('xgLK'.includes(header.typeFlag)) {
      this.#startSpecial(header);
      return;
    }
    if (header.typeFlag === 'S') {
      const fragments = gnuHeaderFragments(header);
      const copy = { ...header, block: Buffer.from(header.block) };
      if (!gnuIsExtended(header.block, true)) {
        this.#start(copy, fragments, gnuRealSize(header));
        return;
      }
      this.#state = { at: 'sparseBlock', header: copy, fragments };
      return;
    }
    const size = this.#archivedSize(header);
    if (isPaxSparse1(this.#pax)) {
      if (size < blockSize) throw invalidHeader('malformed sparse map');
      this.#state = { at: 'sparseMap', header, map: new SparseMapReader(), remaining: size };
      return;
    }
    this.#start(header, paxFragments(this.#pax), paxRealSize(this.#pax));
  }

  #startSpecial(header: RawHeader): void {
    const { size, typeFlag } = header;
    if (size < 0 || size > maximumHeaderBytes) throw invalidHeader('extended header is too long');
    this.#padding = paddingOf(size);
    if (size === 0) {
      this.#endSpecial(typeFlag, Buffer.alloc(0));
      return;
    }
    this.#state = { at: 'special', typeFlag, parts: [], remaining: size };
  }

  #endSpecial(typeFlag: string, body: Buffer): void {
    // A global header ('g') holds comments of `git archive` and the like; Docker does not apply it either.
    if (typeFlag === 'x') this.#pax = parsePax(body);
    if (typeFlag === 'L') this.#longName = untilNul(body);
    if (typeFlag === 'K') this.#longLink = untilNul(body);
    this.#pad();
  }

  #onSparseBlock(state: { header: RawHeader; fragments: Fragment[] }, block: Buffer): void {
    state.fragments.push(...gnuFragments(block, 0, 21));
    if (state.fragments.length > 1_000_000) throw invalidHeader('sparse map is too long');
    if (gnuIsExtended(block, false)) return;
    this.#start(state.header, state.fragments, gnuRealSize(state.header));
  }

  #onSparseMapBlock(state: { header: RawHeader; map: SparseMapReader; remaining: number }, block: Buffer): void {
    state.remaining -= blockSize;
    const fragments = state.map.push(block);
    if (fragments) {
      this.#start(state.header, fragments, paxRealSize(this.#pax), state.remaining);
      return;
    }
    if (state.remaining < blockSize) throw invalidHeader('malformed sparse map');
  }

  #archivedSize(header: RawHeader): number {
    const record = this.#pax.get('size');
    return record ? paxNumber(record, 'size') : header.size;
  }

  #start(header: RawHeader, fragments?: Fragment[], realSize?: number, archived = this.#archivedSize(header)): void {
    const entry = this.#toEntry(header, archived);
    if (archived < 0) throw invalidHeader('size is negative');
    const length = entry.type === 'file' ? archived : 0;
    if (fragments) {
      entry.size = realSize ?? archived;
      if (entry.size < 0) throw invalidHeader('size is negative');
      entry.fragments = checkFragments(fragments, entry.size);
      const present = fragments.reduce((sum, fragment) => sum + fragment.length, 0);
      if (present !== length) throw invalidHeader('sparse map does not match the size');
    }
    this.#pax = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#padding = paddingOf(length);
    this.#state = { at: 'body', remaining: length };
    this.#sink.entry(entry);
    if (length === 0) this.#endBody();
  }

  #endBody(): void {
    this.#sink.end();
    this.#pad();
  }

  #pad(): void {
    this.#state = this.#padding === 0 ? { at: 'header' } : { at: 'padding', remaining: this.#padding };
  }

  #toEntry(header: RawHeader, archived: number): TarEntry {
    const pax = this.#pax;
    const bytes = (key: string): string | undefined => optional(pax.get(key), paxBytes);
    const name = bytes('GNU.sparse.name') ?? bytes('path') ?? this.#longName ?? header.name;
    const linkName = bytes('linkpath') ?? this.#longLink ?? header.linkName;
    const type = header.typeFlag === '0' && name.endsWith('/') ? 'directory' : types[header.typeFlag];
    if (!type) throw invalidArgument(`unhandled tar header type ${header.typeFlag.charCodeAt(0)}`);
    if (name.length > maximumPathBytes || linkName.length > maximumPathBytes) throw invalidHeader('name is too long');
    return {
      name,
      type,
      mode: header.mode & 0o7777,
      uid: ownerId(optional(pax.get('uid'), value => paxNumber(value, 'uid')) ?? header.uid, 'uid'),
      gid: ownerId(optional(pax.get('gid'), value => paxNumber(value, 'gid')) ?? header.gid, 'gid'),
      size: type === 'file' ? archived : 0,
      mtime: optional(pax.get('mtime'), paxTime) ?? header.mtime,
      linkName,
      device: deviceOf(header),
      xattrs: xattrsOf(pax),
    };
  }
}

const paddingOf = (size: number): number => (blockSize - (size % blockSize)) % blockSize;

/** An empty value takes a record back (pax(1)). */
const optional = <T>(value: Buffer | undefined, parse: (value: Buffer) => T): T | undefined =>
  value === undefined || value.length === 0 ? undefined : parse(value);

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString('latin1', 0, end === -1 ? body.length : end);
}

/** -1 means "leave it" to chown(2), so it is no owner either. */
function ownerId(value: number, field: string): number {
  if (value < 0 || value >= 0xffffffff) throw invalidHeader(`${field} is out of range`);
  return value;
}

function deviceOf({ device }: RawHeader): { major: number; minor: number } {
  const { major, minor } = device;
  if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) throw invalidHeader('device number is out of range');
  return device;
}

const noXattrs: ReadonlyMap<string, Buffer> = new Map();
const xattrPrefix = 'SCHILY.xattr.';

function xattrsOf(pax: PaxRecords): ReadonlyMap<string, Buffer> {
  if (pax.size === 0) return noXattrs;
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of pax) if (key.startsWith(xattrPrefix)) xattrs.set(key.slice(xattrPrefix.length), value);
  return xattrs;
}
