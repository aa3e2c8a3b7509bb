import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { applyDelta } from '../../../../../guest-agent/builder/git/delta.ts';
import { Pack } from '../../../../../guest-agent/builder/git/pack.ts';

const idOf = (type: string, data: Buffer): string =>
  createHash('sha1').update(`${type} ${data.length}\0`).update(data).digest('hex');

/** Copies 4 bytes from 2 on, then writes `XY`: of a base of 8 bytes 6 are made. */
const delta = Buffer.from([8, 6, 0x91, 2, 4, 2, 0x58, 0x59]);

/** A pack of these objects; each of them: type, size, what stands before its bytes, its bytes. */
function packOf(objects: [number, Buffer, Buffer][]): Buffer {
  const head = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  head.writeUInt32BE(objects.length, 8);
  const parts = objects.flatMap(([type, before, data]) => [
    Buffer.from([(type << 4) | data.length]),
    before,
    deflateSync(data),
  ]);
  return Buffer.concat([head, ...parts, Buffer.alloc(20)]);
}

const open = (bytes: Buffer): Pack => new Pack((offset, size) => bytes.subarray(offset, offset + size), bytes.length);

describe('a pack', () => {
  const blob = Buffer.from('abcdefgh');

  it('applies a delta, and refuses one of another base', () => {
    expect(applyDelta(blob, delta).toString()).toBe('cdefXY');
    expect(() => applyDelta(Buffer.from('short'), delta)).toThrow('damaged');
    expect(() => applyDelta(blob, Buffer.from([8, 6, 0x91, 6, 4, 2, 0x58, 0x59]))).toThrow('damaged');
  });

  it('gives objects by their ids, whole or as they differ from others', () => {
    const id = Buffer.from(idOf('blob', blob), 'hex');
    const pack = open(
      packOf([
        [7, id, delta],
        [3, Buffer.alloc(0), blob],
      ]),
    );
    expect(pack.get(idOf('blob', Buffer.from('cdefXY')))).toEqual({ type: 'blob', data: Buffer.from('cdefXY') });
    expect(pack.get(idOf('blob', blob))?.data).toEqual(blob);
    expect(pack.get('0'.repeat(40))).toBeUndefined();
  });

  it('refuses what is none, what is cut off and what lacks a base', () => {
    expect(() => open(Buffer.alloc(40))).toThrow('sent no pack');
    const whole = packOf([[3, Buffer.alloc(0), blob]]);
    expect(() => open(whole.subarray(0, 15))).toThrow();
    expect(() => open(packOf([[7, Buffer.alloc(20), delta]]))).toThrow('lacks objects');
  });
});
