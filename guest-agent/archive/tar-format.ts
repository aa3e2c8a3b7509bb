import { invalidArgument } from '../../contracts/errors.ts';

/** The tar format: POSIX ustar and pax, GNU's and star's dialects (pax(1), GNU tar manual "Basic Tar Format"). */
export const blockSize = 512;

export type EntryType = 'file' | 'hardLink' | 'symlink' | 'characterDevice' | 'blockDevice' | 'directory' | 'fifo';

export interface FileTime {
  seconds: number;
  nanoseconds: number;
}

/** Where a fragment of a sparse file lies in it, in bytes. */
export interface Fragment {
  offset: number;
  length: number;
}

/** What stands in a header block as well as in an entry. */
interface HeaderFields {
  name: string;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Of the file's contents, holes included; 0 for all but files. */
  size: number;
  mtime: FileTime;
  linkName: string;
  device: { major: number; minor: number };
}

/** A member of an archive. Names are byte strings (one character a byte): file names need not be UTF-8. */
export interface TarEntry extends HeaderFields {
  type: EntryType;
  /** Extended attributes by their full name. */
  xattrs: ReadonlyMap<string, Buffer>;
  /** What of a sparse file is in the archive, in order; everything else is a hole. */
  fragments?: Fragment[];
}

/** A header block, as it stands; the reader adds what extended headers say. */
export interface RawHeader extends HeaderFields {
  /** One character; NUL is told as `0`. */
  typeFlag: string;
  block: Buffer;
}

export const invalidHeader = (why: string): Error => invalidArgument(`archive/tar: invalid tar header: ${why}`);

const text = (block: Buffer, start: number, length: number): string => {
  const end = block.indexOf(0, start);
  return block.toString('latin1', start, end === -1 || end > start + length ? start + length : end);
};

/**
 * An octal number, or GNU's base-256 one when the first bit is set. Leading blanks and a trailing NUL or blank are usual.
 * @throws invalid-argument
 */
export function parseNumber(block: Buffer, start: number, length: number, field: string): number {
  const first = block[start] ?? 0;
  if (first & 0x80) return parseBase256(block, start, length, field);
  const digits = text(block, start, length).trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw invalidHeader(`${field} is not a number`);
  return Number.parseInt(digits, 8);
}

function parseBase256(block: Buffer, start: number, length: number, field: string): number {
  const bytes = Buffer.from(block.subarray(start, start + length));
  const negative = ((bytes[0] ?? 0) & 0x40) !== 0;
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | (negative ? 0x80 : 0);
  const value = BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString('hex')}`));
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw invalidHeader(`${field} is out of range`);
  return number;
}

/** Sum of all bytes with the checksum field taken as blanks. */
export function checksumOf(block: Buffer): number {
  let sum = 8 * 32;
  for (let index = 0; index < 148; index++) sum += block[index] as number;
  for (let index = 156; index < blockSize; index++) sum += block[index] as number;
  return sum;
}

export function isZeroBlock(block: Buffer): boolean {
  for (let index = 0; index < blockSize; index += 8) {
    if (block.readDoubleLE(index) !== 0) return block.every(byte => byte === 0);
  }
  return true;
}

/** Reads one header block. @throws invalid-argument when it is none */
export function parseHeader(block: Buffer): RawHeader {
  if (parseNumber(block, 148, 8, 'checksum') !== checksumOf(block)) throw invalidHeader('checksum does not match');
  const magic = block.toString('latin1', 257, 265);
  const name = text(block, 0, 100);
  const prefix = magic.startsWith('ustar\0') ? text(block, 345, isStar(block) ? 131 : 155) : '';
  const typeFlag = block.toString('latin1', 156, 157);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    typeFlag: typeFlag === '\0' ? '0' : typeFlag,
    mode: parseNumber(block, 100, 8, 'mode'),
    uid: parseNumber(block, 108, 8, 'uid'),
    gid: parseNumber(block, 116, 8, 'gid'),
    size: parseNumber(block, 124, 12, 'size'),
    mtime: { seconds: parseNumber(block, 136, 12, 'mtime'), nanoseconds: 0 },
    linkName: text(block, 157, 100),
    device: magic.startsWith('ustar')
      ? { major: parseNumber(block, 329, 8, 'device major'), minor: parseNumber(block, 337, 8, 'device minor') }
      : { major: 0, minor: 0 },
    block,
  };
}

const isStar = (block: Buffer): boolean => block.toString('latin1', 508, 512) === 'tar\0';
