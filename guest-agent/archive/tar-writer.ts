import { encodePaxRecord } from './pax.ts';
import { lengthOf, sparseMap } from './sparse.ts';
import { blockSize, checksumOf, type EntryType, type TarEntry } from './tar-format.ts';

const typeFlags: Record<EntryType, string> = {
  file: '0',
  hardLink: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  directory: '5',
  fifo: '6',
};

const maximumOctal = { 8: 8 ** 7 - 1, 12: 8 ** 11 - 1 } as const;

/**
 * The header blocks of a member: ustar, with a pax header before it for what ustar cannot say. Times are whole seconds,
 * as in Docker's archives, so that the same tree gives the same bytes; or with `exactTimes` to the nanosecond.
 */
export function encodeHeader(entry: TarEntry, { exactTimes = false } = {}): Buffer {
  const records = paxRecords(entry, exactTimes);
  const map = entry.fragments && sparseMap(entry.fragments, entry.size);
  const size = map && entry.fragments ? map.length + lengthOf(entry.fragments) : entry.size;
  const name = map ? sparseName(entry.name) : entry.name;
  const block = ustarBlock(entry, name, typeFlags[entry.type], entry.type === 'file' ? size : 0);
  const plain = map ? Buffer.concat([block, map]) : block;
  if (records.length === 0) return plain;
  const body = Buffer.concat(records);
  const paxName = `PaxHeaders.0/${plainName(entry.name)}`;
  const header = ustarBlock({ ...entry, mode: 0o644, linkName: '', uid: 0, gid: 0 }, paxName, 'x', body.length);
  return Buffer.concat([header, body, padding(body.length), plain]);
}

const plainName = (name: string): string => name.replaceAll(/[^\x21-\x7e]/g, '_').slice(-80);

/** For readers that do not know of holes. */
const sparseName = (name: string): string => `GNUSparseFile.0/${plainName(name)}`;

/** Zero bytes up to the next block after `size` bytes. */
export const padding = (size: number): Buffer => Buffer.alloc((blockSize - (size % blockSize)) % blockSize);

/** Two zero blocks. */
export const endOfArchive = (): Buffer => Buffer.alloc(2 * blockSize);

function paxRecords(entry: TarEntry, exactTimes: boolean): Buffer[] {
  const records: Buffer[] = [];
  const bytes = (key: string, value: string): void => {
    records.push(encodePaxRecord(key, Buffer.from(value, 'latin1')));
  };
  if (entry.fragments) {
    for (const [key, value] of [
      ['major', 1],
      ['minor', 0],
      ['realsize', entry.size],
    ])
      bytes(`GNU.sparse.${key}`, String(value));
    bytes('GNU.sparse.name', entry.name);
  } else if (!fitsName(entry.name)) bytes('path', entry.name);
  if (entry.linkName.length > 100 || !isAscii(entry.linkName)) bytes('linkpath', entry.linkName);
  const { fragments } = entry;
  const archived = fragments ? lengthOf(fragments) + sparseMap(fragments, entry.size).length : entry.size;
  if (archived > maximumOctal[12]) bytes('size', String(archived));
  if (entry.uid > maximumOctal[8]) bytes('uid', String(entry.uid));
  if (entry.gid > maximumOctal[8]) bytes('gid', String(entry.gid));
  const { seconds, nanoseconds } = entry.mtime;
  if (exactTimes && nanoseconds !== 0) bytes('mtime', decimal(entry.mtime));
  else if (seconds < 0 || seconds > maximumOctal[12]) bytes('mtime', String(seconds));
  for (const [name, value] of [...entry.xattrs].sort(([left], [right]) => (left < right ? -1 : 1))) {
    records.push(encodePaxRecord(`SCHILY.xattr.${name}`, value));
  }
  return records;
}

/** Seconds with nine places. Before 1970 the part of a second counts backwards from the whole ones after it. */
function decimal({ seconds, nanoseconds }: TarEntry['mtime']): string {
  const before = seconds < 0;
  const whole = before ? -seconds - 1 : seconds;
  const rest = before ? 1_000_000_000 - nanoseconds : nanoseconds;
  return `${before ? '-' : ''}${whole}.${String(rest).padStart(9, '0')}`;
}

const isAscii = (text: string): boolean => /^[\x01-\x7f]*$/.test(text);
const fitsName = (name: string): boolean => isAscii(name) && (name.length <= 100 || splitName(name) !== undefined);

/** ustar keeps a long name in two fields, parted at a slash. */
function splitName(name: string): { prefix: string; rest: string } | undefined {
  const slash = name.indexOf('/', name.length - 101);
  if (slash <= 0 || slash > 155 || slash === name.length - 1) return undefined;
  return { prefix: name.slice(0, slash), rest: name.slice(slash + 1) };
}

function ustarBlock(entry: TarEntry, name: string, typeFlag: string, size: number): Buffer {
  const block = Buffer.alloc(blockSize);
  const split = name.length > 100 ? splitName(name) : undefined;
  const number = (value: number, offset: number, width: 8 | 12): void => {
    const fitting = value < 0 || value > maximumOctal[width] ? 0 : value;
    block.write(`${fitting.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1');
  };
  block.write((split?.rest ?? name).slice(0, 100), 0, 'latin1');
  number(entry.mode, 100, 8);
  number(entry.uid, 108, 8);
  number(entry.gid, 116, 8);
  number(size, 124, 12);
  number(entry.mtime.seconds, 136, 12);
  block.write(typeFlag, 156, 'latin1');
  block.write(entry.linkName.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  number(entry.device.major, 329, 8);
  number(entry.device.minor, 337, 8);
  if (split) block.write(split.prefix, 345, 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
