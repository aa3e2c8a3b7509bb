import { invalidArgument } from '../../../contracts/errors.ts';
import type { FileTree, TreeEntry } from '../file-tree.ts';
import { decode, encode } from './messages.ts';
import type { ClientCall } from './session.ts';
import { goMode, type Packet, packets } from './wire.ts';

const pieceBytes = 32 * 1024;

/** Sends a tree to a client's directory: all names first, then the files that it asks for. Resolves with the bytes sent. */
export async function sendFiles(call: ClientCall, tree: FileTree): Promise<number> {
  const { paths } = tree;
  const known = new Map<string, string>();
  for (const path of paths) {
    const entry = tree.get(path);
    if (!entry) continue;
    const linkname = known.get(entry.inode ?? '');
    if (entry.inode !== undefined && linkname === undefined) known.set(entry.inode, path);
    const stat = { ...statOf(path, entry), ...(linkname === undefined ? {} : { linkname }) };
    await call.send(encode('Packet', { type: packets.stat, stat }));
  }
  await call.send(encode('Packet', { type: packets.stat }));
  let sent = 0;
  for await (const message of call.messages) {
    const packet = decode<Packet>('Packet', message);
    if (packet.type === packets.error) throw invalidArgument(Buffer.from(packet.data).toString());
    if (packet.type === packets.end) {
      await call.send(encode('Packet', { type: packets.end }));
      call.end();
    } else if (packet.type === packets.request) {
      const entry = tree.get(paths[packet.ID] ?? '');
      if (entry) sent += await sendFile(call, packet.ID, tree.bytesOf(entry));
    }
  }
  return sent;
}

async function sendFile(call: ClientCall, ID: number, bytes: Buffer): Promise<number> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await call.send(encode('Packet', { type: packets.data, ID, data: bytes.subarray(at, at + pieceBytes) }));
  }
  await call.send(encode('Packet', { type: packets.data, ID, data: new Uint8Array(0) }));
  return bytes.length;
}

const types: Readonly<Record<TreeEntry['type'], number>> = {
  file: 0,
  directory: goMode.directory,
  symlink: goMode.symlink,
  'character-device': goMode.device + goMode.character,
  'block-device': goMode.device,
  fifo: goMode.pipe,
};

/** A file as fsutil tells of it. */
export function statOf(path: string, { type, mode, uid, gid, size, mtime, target, device }: TreeEntry): object {
  const special = (mode & 0o4000 ? goMode.setuid : 0) + (mode & 0o2000 ? goMode.setgid : 0);
  const sticky = mode & 0o1000 ? goMode.sticky : 0;
  return {
    path,
    mode: types[type] + special + sticky + (mode & 0o777),
    uid,
    gid,
    size,
    modTime: mtime.getTime() * 1e6,
    linkname: target,
    devmajor: device.major,
    devminor: device.minor,
  };
}
