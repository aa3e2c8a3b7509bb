import { constants } from 'node:fs';
import { posix } from 'node:path';
import { closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { removeTreeAt } from '../syscalls/remove-tree.ts';
import { inRoot, openRoot } from './path-stat.ts';

/** Removes the file or the folder at an absolute path of a tree, which is resolved inside of it; a link in its place goes itself. */
export function removePath({ root, path }: { root: string; path: string }): void {
  const top = openRoot(root);
  try {
    const parent = openAt2(top, toBytes(posix.dirname(path)), constants.O_RDONLY | constants.O_DIRECTORY, inRoot);
    try {
      removeTreeAt(parent, toBytes(posix.basename(path)));
    } finally {
      closeFd(parent);
    }
  } finally {
    closeFd(top);
  }
}
