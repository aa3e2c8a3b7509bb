import { constants, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { takeOverDirectory } from '../syscalls/attributes.ts';
import { AT_FDCWD, closeFd, openAt2, renameAt, syncFileSystemOf, toBytes } from '../syscalls/file.ts';
import { namesIn, removeTree, removeTreeAt } from '../syscalls/remove-tree.ts';
import { copied, moveIn, onDirectories } from './populate.ts';

/** Beside `_data`: what is being made, what is whole and waits, and what it takes the place of. */
const replacing = '_replacing';
const replacement = '_replacement';
const replaced = '_replaced';

/**
 * Puts other contents into the volume in `folder`, all or none of them, however the engine ends: `fill` makes them in
 * the directory {@link replacing}; once they are on the disk the old ones move out, then the new ones in. The directory
 * `_data` itself stays, for a container that is at rest may have its name, and one that starts just now has it open.
 */
export async function replaceContents(
  folder: string,
  fill: (target: string) => Promise<void>,
  assertFree: () => void,
): Promise<void> {
  const draft = join(folder, replacing);
  try {
    mkdirSync(draft, { mode: 0o700 });
    onDirectories(join(folder, '_data'), draft, takeOverDirectory); // stays so unless `fill` says otherwise
    await fill(draft);
    await syncFileSystemOf(draft);
    assertFree();
    renameSync(draft, join(folder, replacement));
  } catch (error) {
    removeTree(draft);
    throw error;
  }
  exchange(folder);
}

/** After a crash: forgets what was not whole, and finishes what was. */
export function settleReplacement(folder: string): void {
  const at = (name: string): string => join(folder, name);
  if (existsSync(at(replacing))) removeTree(at(replacing));
  if (existsSync(at(replacement))) exchange(folder);
  if (existsSync(at(copied))) moveIn(folder);
  if (existsSync(at(replaced))) removeTree(at(replaced));
}

function exchange(folder: string): void {
  const old = join(folder, replaced);
  mkdirSync(old, { recursive: true, mode: 0o700 });
  onDirectories(join(folder, '_data'), old, (data, away) => {
    for (const name of namesIn(data)) renameAt(data, name, away, name);
  });
  renameSync(join(folder, replacement), join(folder, copied));
  moveIn(folder);
  removeTree(old);
}

/** For a volume that is a file system of its own, where nothing can be made beside. */
export function emptyDirectory(path: string): void {
  const directory = openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY | constants.O_DIRECTORY, 0);
  try {
    for (const name of namesIn(directory)) removeTreeAt(directory, name);
  } finally {
    closeFd(directory);
  }
}
