import { readFileSync, writeFileSync } from 'node:fs';
import type { MachineSettings } from '../../contracts/guest.ts';

interface Entry {
  path: string;
  mode: number;
  data: Buffer;
}

const fileMode = 0o100600;
const folderMode = 0o040700;

/**
 * A cpio archive in the `newc` format, the kernel's for an initramfs (Documentation/driver-api/early-userspace/
 * buffer-format.rst): headers of thirteen hexadecimal fields, everything padded to four bytes.
 */
export function cpioArchive(entries: Entry[]): Buffer {
  const all = [...entries, { path: 'TRAILER!!!', mode: 0, data: Buffer.alloc(0) }];
  return Buffer.concat(all.flatMap((entry, at) => [cpioHeader(entry, at + 1), entry.data, padding(entry.data.length)]));
}

function cpioHeader({ path, mode, data }: Entry, inode: number): Buffer {
  const nameSize = Buffer.byteLength(path) + 1;
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, nameSize, 0];
  const text = `070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}${path}\0`;
  return Buffer.concat([Buffer.from(text), padding(Buffer.byteLength(text))]);
}

const padding = (length: number): Buffer => Buffer.alloc(-length & 3);

/**
 * The image's initramfs with this boot's settings behind it, readable only by this user. The kernel unpacks archives one
 * after the other, compressed or not, when each begins at a multiple of four bytes.
 */
export function writeInitrd(path: string, initramfs: string, settings: MachineSettings): void {
  const image = readFileSync(initramfs);
  const own = cpioArchive([
    { path: 'berth', mode: folderMode, data: Buffer.alloc(0) },
    { path: 'berth/machine.json', mode: fileMode, data: Buffer.from(JSON.stringify(settings)) },
  ]);
  writeFileSync(path, Buffer.concat([image, padding(image.length), own]), { mode: 0o600 });
}
