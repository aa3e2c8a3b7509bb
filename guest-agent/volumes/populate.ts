import { constants, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { directoryAttributes, takeOverDirectory } from '../syscalls/attributes.ts';
import { AT_FDCWD, closeFd, findStatAt, openAt2, renameAt, syncFileSystemOf, toBytes } from '../syscalls/file.ts';
import { namesIn, removeTree } from '../syscalls/remove-tree.ts';

/** Beside `_data`: a copy that is being made, and one that is whole and moves in. */
const copying = '_copying';
export const copied = '_copied';

/**
 * What an image gives to the volume in `folder` comes whole or not at all, however the engine ends: `copy` fills a
 * directory beside the data; once that is on the disk, what is in it moves in. It does not take the place of `_data`,
 * which a container may have mounted already.
 */
export async function populate(folder: string, copy: (target: string) => Promise<void>): Promise<void> {
  const draft = join(folder, copying);
  try {
    mkdirSync(draft, { mode: 0o700 });
    onDirectories(join(folder, '_data'), draft, takeOverDirectory); // stays so when the image has nothing there
    await copy(draft);
    if (readdirSync(draft).length > 0) await syncFileSystemOf(draft);
    renameSync(draft, join(folder, copied));
  } catch (error) {
    removeTree(draft);
    throw error;
  }
  moveIn(folder);
}

/** After a crash: forgets a copy that was not whole, and lets one move in that was. */
export function settlePopulation(folder: string): void {
  if (existsSync(join(folder, copying))) removeTree(join(folder, copying));
  if (existsSync(join(folder, copied))) moveIn(folder);
}

/** What waits in {@link copied} becomes the volume's; what has a name of its own there stays. */
export function moveIn(folder: string): void {
  onDirectories(join(folder, copied), join(folder, '_data'), (source, target) => {
    const takeOver = directoryAttributes(source); // before what is in it leaves it
    for (const name of namesIn(source)) if (!findStatAt(target, name)) renameAt(source, name, target, name);
    takeOver?.(target);
  });
  removeTree(join(folder, copied));
}

export function onDirectories(source: string, target: string, act: (source: number, target: number) => void): void {
  const opened: number[] = [];
  try {
    for (const path of [source, target]) {
      opened.push(openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY | constants.O_DIRECTORY, 0));
    }
    const [from = -1, to = -1] = opened;
    act(from, to);
  } finally {
    opened.forEach(closeFd);
  }
}
