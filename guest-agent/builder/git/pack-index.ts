import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Pack, ReadAt } from './pack.ts';

/** The index of a pack (gitformat-pack, version 2), with which git's own programs read it. */
export function packIndex(pack: Pack, read: ReadAt, packDigest: Buffer): Buffer {
  const places = pack.places().sort((left, right) => (left.id < right.id ? -1 : 1));
  const fanout = Buffer.alloc(256 * 4);
  for (let first = 0, count = 0; first < 256; first++) {
    while (count < places.length && Number.parseInt(places[count]?.id.slice(0, 2) ?? '', 16) <= first) count++;
    fanout.writeUInt32BE(count, first * 4);
  }
  const ids = Buffer.concat(places.map(({ id }) => Buffer.from(id, 'hex')));
  const sums = numbers(places.map(({ offset, end }) => crc32(read(offset, end - offset))));
  const offsets = numbers(places.map(({ offset }) => offset));
  const head = Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2]);
  const body = Buffer.concat([head, fanout, ids, sums, offsets, packDigest]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
}
