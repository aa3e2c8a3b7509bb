const block = 512;

/** A tar of one file, which is what the engine takes to put a file into a container. */
export function tarOf(name: string, bytes: Uint8Array): Uint8Array {
  const padded = Math.ceil(bytes.length / block) * block;
  const tar = new Uint8Array(block + padded + 2 * block);
  const put = (text: string, at: number): void => tar.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put('0000644\0', 100);
  put('0000000\0', 108);
  put('0000000\0', 116);
  put(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  put(
    `${Math.floor(Date.now() / 1000)
      .toString(8)
      .padStart(11, '0')}\0`,
    136,
  );
  put('        ', 148);
  put('0', 156);
  put('ustar\x0000', 257);
  const sum = tar.subarray(0, block).reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  tar.set(bytes, block);
  return tar;
}

/** The bytes of the first file of a tar; undefined when it holds none. Headers of longer names are passed over. */
export function firstFileOf(tar: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder();
  for (let at = 0; at + block <= tar.length; ) {
    const size = Number.parseInt(text.decode(tar.subarray(at + 124, at + 136)), 8) || 0;
    const kind = String.fromCharCode(tar[at + 156] ?? 0);
    if (kind === '0' || kind === '\0') return tar.subarray(at + block, at + block + size);
    at += block + Math.ceil(size / block) * block;
  }
  return undefined;
}
