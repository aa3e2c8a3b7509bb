import { statfsSync } from 'node:fs';
import { invalidArgument } from '../../contracts/errors.ts';

/** Zeros come to a thousandth in gzip, and to less in zstd; no real layer of any length to a two-hundredth. */
const mostTimes = 200;
const alwaysFine = 1 << 30;

/** What a layer may take of the file system that it is unpacked to; measured before it is. */
export interface Allowance {
  /** Of an archive that is packed beyond reason. */
  bytes: number;
  files: number;
}

/** A quarter of the room for what looks like a bomb, half of the files for anything. */
export function allowanceAt(directory: string): Allowance {
  const { bavail, bsize, files, ffree } = statfsSync(directory);
  const hasLimit = files > 0; // btrfs makes as many as are wanted
  return { bytes: Math.max(alwaysFine, (bavail * bsize) / 4), files: hasLimit ? ffree / 2 : Number.POSITIVE_INFINITY };
}

/** @throws invalid-argument for so much more out than what went in that it can only be meant to fill the disk */
export function checkReason(unpacked: number, packed: number, { bytes }: Allowance): void {
  if (unpacked > bytes && unpacked > packed * mostTimes) {
    throw invalidArgument(`archive is a bomb: ${packed} bytes unpack to more than ${unpacked}`);
  }
}

/** Passes on what comes out of a decompressor, within reason. `packed` tells the bytes that went in. @throws invalid-argument */
export async function* withinReason(
  pieces: AsyncIterable<Buffer>,
  packed: () => number,
  allowance: Allowance,
): AsyncGenerator<Buffer> {
  let unpacked = 0;
  for await (const piece of pieces) {
    unpacked += piece.length;
    checkReason(unpacked, packed(), allowance);
    yield piece;
  }
}
