import { TarReader } from './tar-reader.ts';

const block = 512;

/** Whose a file is, and what may be done with it. */
export interface Owner {
  mode: number;
  uid: number;
  gid: number;
}

const octal = (value: number): string => `${value.toString(8).padStart(7, '0')}\0`;

/** A tar of one file, which is what the engine takes to put a file into a container. A name of more than 99 bytes is cut. */
export function tarOf(
  name: string,
  bytes: Uint8Array,
  owner: Owner = { mode: 0o644, uid: 0, gid: 0 },
): Uint8Array<ArrayBuffer> {
  const padded = Math.ceil(bytes.length / block) * block;
  const tar = new Uint8Array(block + padded + 2 * block);
  const put = (text: string, at: number): void => tar.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put(octal(owner.mode), 100);
  put(octal(owner.uid), 108);
  put(octal(owner.gid), 116);
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

/** The bytes of the first file of a tar; undefined when it holds none. */
export function firstFileOf(tar: Uint8Array): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  let at = 0;
  new TarReader(({ kind, size }) => {
    if (kind !== 'file' || found) return undefined;
    const bytes = new Uint8Array(Math.min(size, tar.length));
    found = bytes;
    return part => {
      bytes.set(part, at);
      at += part.length;
    };
  }).push(tar);
  return found;
}
