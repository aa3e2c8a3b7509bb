import { TarReader } from './tar-reader.ts';

const block = 512;

/** Whose a file is, and what may be done with it. */
export interface Owner {
  mode: number;
  uid: number;
  gid: number;
}

const octal = (value: number): string => `${value.toString(8).padStart(7, '0')}\0`;

/** The block before a file's bytes. A path of more than 100 bytes is cut at a slash, one of more than 255 is refused. */
export function tarHeader(
  path: string,
  size: number,
  owner: Owner = { mode: 0o644, uid: 0, gid: 0 },
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(block);
  const put = (text: string | Uint8Array, at: number): void =>
    header.set(typeof text === 'string' ? encoder.encode(text) : text, at);
  const [prefix, name] = cutPath(encoder.encode(path));
  put(name, 0);
  put(octal(owner.mode), 100);
  put(octal(owner.uid), 108);
  put(octal(owner.gid), 116);
  put(`${size.toString(8).padStart(11, '0')}\0`, 124);
  put(`${Math.floor(Date.now() / 1000).toString(8)}\0`, 136);
  put('        ', 148);
  put('0', 156);
  put('ustar\x0000', 257);
  put(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

const encoder = new TextEncoder();
const slash = 0x2f;

/** The two places of a header that a path goes into. @throws Error when it fits into neither */
function cutPath(path: Uint8Array): [prefix: Uint8Array, name: Uint8Array] {
  if (path.length <= 100) return [new Uint8Array(0), path];
  const cut = path.findIndex((byte, at) => byte === slash && path.length - at - 1 <= 100);
  if (cut < 1 || cut > 155) throw new Error(`${new TextDecoder().decode(path)} is too long a name`);
  return [path.subarray(0, cut), path.subarray(cut + 1)];
}

/** A tar of one file, which is what the engine takes to put a file into a container. */
export function tarOf(name: string, bytes: Uint8Array, owner?: Owner): Uint8Array<ArrayBuffer> {
  const padded = Math.ceil(bytes.length / block) * block;
  const tar = new Uint8Array(block + padded + 2 * block);
  tar.set(tarHeader(name, bytes.length, owner));
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
