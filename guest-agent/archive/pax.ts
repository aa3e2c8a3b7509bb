import { type FileTime, invalidHeader } from './tar-format.ts';

/** Records of a pax extended header, keys as text, values as the bytes they are (an xattr's value is binary). */
export type PaxRecords = Map<string, Buffer>;

/**
 * Parses `"%d %s=%s\n"` records. GNU's sparse format 0.0 repeats `GNU.sparse.offset` and `.numbytes`; they are gathered into
 * the 0.1 form. @throws invalid-argument
 */
export function parsePax(body: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  const sparse: string[] = [];
  let position = 0;
  while (position < body.length) {
    const space = body.indexOf(0x20, position);
    const digits = space === -1 ? '' : body.toString('latin1', position, space);
    const length = /^[0-9]{1,7}$/.test(digits) ? Number(digits) : 0;
    const end = position + length;
    const equals = body.indexOf(0x3d, space);
    if (length === 0 || end > body.length || equals === -1 || equals >= end || body[end - 1] !== 0x0a) {
      throw invalidHeader('malformed pax record');
    }
    const key = body.toString('utf8', space + 1, equals);
    const value = body.subarray(equals + 1, end - 1);
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') sparse.push(value.toString('latin1'));
    else records.set(key, Buffer.from(value));
    position = end;
  }
  if (sparse.length > 0) records.set('GNU.sparse.map', Buffer.from(sparse.join(','), 'latin1'));
  return records;
}

/** A path or another text: as a byte string. @throws invalid-argument when it holds a NUL */
export function paxBytes(value: Buffer): string {
  if (value.includes(0)) throw invalidHeader('a name holds a NUL');
  return value.toString('latin1');
}

/** A whole number, 0 or more. @throws invalid-argument */
export function paxNumber(value: Buffer, field: string): number {
  const text = value.toString('latin1');
  const number = /^[0-9]{1,19}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw invalidHeader(`${field} is out of range`);
  return number;
}

/** `-1350244992.023960108` and the like. @throws invalid-argument */
export function paxTime(value: Buffer): FileTime {
  const [, sign, whole, fraction = ''] = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value.toString('latin1')) ?? [];
  if (whole === undefined) throw invalidHeader('malformed time');
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign !== '-') return { seconds: Number(whole), nanoseconds };
  return nanoseconds === 0
    ? { seconds: -Number(whole), nanoseconds: 0 }
    : { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** One record, whose length counts itself. */
export function encodePaxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'utf8'), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
