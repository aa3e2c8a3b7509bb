import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { succeed } from '../../support/command.ts';

/** A file system of its own, in a file. */
export interface SmallDisk {
  path: string;
  /** Leaves no room. Any number of times. */
  fill(): void;
  /** Gives that room back. */
  free(): void;
  /** What a power cut now would leave, as another file system. */
  afterPowerCut(): Promise<{ path: string; umount(): Promise<unknown> }>;
}

/** As small as asked. It commits nothing by itself for ten minutes. */
export async function smallDisk(mebibytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'small-disk-'));
  const image = join(folder, 'image');
  const path = join(folder, 'disk');
  await succeed('sh', [
    '-c',
    `mkdir ${path} && truncate -s ${mebibytes}M ${image} && mke2fs -q -t ext4 -m 0 ${image} && mount -o loop,commit=600 ${image} ${path}`,
  ]);
  onTestFinished(async () => {
    await succeed('umount', ['--lazy', path]); // also when the test failed with an engine on it
    await rm(folder, { recursive: true });
  });
  const ballast = join(path, 'ballast');
  let cuts = 0;
  return {
    path,
    fill: () => fill(ballast),
    free: () => rmSync(ballast),
    afterPowerCut: async () => {
      const [copy, place] = [join(folder, `cut-${++cuts}`), join(folder, `after-${cuts}`)];
      await succeed('sh', [
        '-c',
        `cp --sparse=always ${image} ${copy} && mkdir ${place} && mount -o loop ${copy} ${place}`,
      ]);
      return { path: place, umount: () => succeed('umount', [place]).then(() => rm(copy)) };
    },
  };
}

function fill(ballast: string): void {
  const file = openSync(ballast, 'a');
  try {
    for (let size = 1 << 20; size >= 512; ) {
      try {
        writeSync(file, Buffer.alloc(size));
      } catch {
        size >>= 1;
      }
    }
  } finally {
    closeSync(file);
  }
}
