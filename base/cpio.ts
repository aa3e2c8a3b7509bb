/** One entry of an archive that the kernel unpacks as an initramfs. A folder is a `directory`, with no content. */
export interface CpioEntry {
  path: string;
  mode: number;
  content?: Buffer;
  kind: 'file' | 'directory' | 'device';
  /** Character device numbers, for `device`. */
  device?: { major: number; minor: number };
}

const fileTypes = { file: 0o100000, directory: 0o040000, device: 0o020000 };

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

function encode(entry: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${entry.path}\0`);
  const content = entry.content ?? Buffer.alloc(0);
  const fields = [
    inode,
    fileTypes[entry.kind] | entry.mode,
    0, // uid
    0, // gid
    entry.kind === 'directory' ? 2 : 1, // links
    0, // modification time: the same input makes the same bytes
    content.length,
    0, // device of the archive
    0,
    entry.device?.major ?? 0,
    entry.device?.minor ?? 0,
    name.length,
    0, // check sum, unused in newc
  ];
  const header = Buffer.from(`070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(content)]);
}

/**
 * An archive in the "newc" format, see Documentation/driver-api/early-userspace/buffer-format.rst of the kernel:
 * several may follow each other in one initramfs, which is how a machine's own settings are added to its image's.
 */
export function packCpio(entries: readonly CpioEntry[]): Buffer {
  const trailer: CpioEntry = { path: 'TRAILER!!!', mode: 0, kind: 'file' };
  const body = entries.map((entry, index) => encode(entry, index + 1));
  const packed = Buffer.concat([...body, encode({ ...trailer }, 0)]);
  return Buffer.concat([packed, Buffer.alloc((512 - (packed.length % 512)) % 512)]);
}
