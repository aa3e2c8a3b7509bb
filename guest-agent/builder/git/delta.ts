/** What a delta makes of its base (gitformat-pack, "Deltified representation"). @throws Error for one of another base */
export function applyDelta(base: Buffer, delta: Buffer): Buffer {
  const reader = { at: 0 };
  if (sizeIn(delta, reader) !== base.length) throw new Error('the pack is damaged');
  const result = Buffer.alloc(sizeIn(delta, reader));
  let filled = 0;
  while (reader.at < delta.length) {
    const code = delta[reader.at++] ?? 0;
    if (code & 0x80) {
      const offset = numberIn(delta, reader, code, 4);
      const size = numberIn(delta, reader, code >> 4, 3) || 0x10000;
      if (offset + size > base.length || filled + size > result.length) throw new Error('the pack is damaged');
      base.copy(result, filled, offset, offset + size);
      filled += size;
    } else {
      if (code === 0 || filled + code > result.length) throw new Error('the pack is damaged');
      delta.copy(result, filled, reader.at, reader.at + code);
      reader.at += code;
      filled += code;
    }
  }
  if (filled !== result.length) throw new Error('the pack is damaged');
  return result;
}

/** Seven bits a byte, the lowest first. */
function sizeIn(delta: Buffer, reader: { at: number }): number {
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = delta[reader.at++] ?? 0;
    size += (byte & 0x7f) * 2 ** shift;
    if (!(byte & 0x80)) return size;
  }
}

/** A byte for each bit of `bits` that is set, the lowest first. */
function numberIn(delta: Buffer, reader: { at: number }, bits: number, count: number): number {
  let number = 0;
  for (let index = 0; index < count; index++) {
    if (bits & (1 << index)) number += (delta[reader.at++] ?? 0) * 2 ** (8 * index);
  }
  return number;
}
