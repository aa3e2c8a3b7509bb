import type { Readable } from 'node:stream';
import { tarIn } from '../images/index.ts';
import type { FileTree, TreeEntry } from './file-tree.ts';

const headerBytes = 512;

/** The tar that a file is, packed or not; undefined for a file that is none. */
export async function tarOf(tree: FileTree, entry: TreeEntry, signal: AbortSignal): Promise<Readable | undefined> {
  if (entry.type !== 'file' || entry.size === 0) return undefined;
  const head = await beginning(await tarIn(tree.open(entry), signal));
  return head && isTarHeader(head) ? tarIn(tree.open(entry), signal) : undefined;
}

/** The first block; undefined for a file that is packed in no way that is known, or damaged. */
async function beginning(stream: Readable): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      pieces.push(piece);
      length += piece.length;
      if (length >= headerBytes) break;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces).subarray(0, headerBytes);
}

const [sumAt, sumEnd] = [148, 156];

/** Whether the sum that a tar's header has of itself is right (tar(5)). */
function isTarHeader(head: Buffer): boolean {
  if (head.length < headerBytes) return false;
  const said = Number.parseInt(head.toString('latin1', sumAt, sumEnd).replace(/[\0 ].*$/s, ''), 8);
  const sum = head.reduce((total, byte, index) => total + (index >= sumAt && index < sumEnd ? 0x20 : byte), 0);
  return said === sum;
}
