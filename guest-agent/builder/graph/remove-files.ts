import { constants } from 'node:fs';
import { posix } from 'node:path';
import { pathMatcher } from '../../../base/path-match.ts';
import { EngineError } from '../../../contracts/errors.ts';
import {
  AT_FDCWD,
  closeFd,
  findStatAt,
  openAt2,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  toBytes,
  toText,
  tryOpenAt2,
} from '../../syscalls/file.ts';
import { namesIn, removeTreeAt } from '../../syscalls/remove-tree.ts';
import { hasGlob } from '../dockerfile/glob.ts';
import type { RemoveAction } from './operations.ts';

const directory = constants.O_RDONLY | constants.O_DIRECTORY;
const inRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

/** Removes files and directories from the root that is open there; no link leads outside. @throws not-found */
export function removeFiles(root: string, { path, allowNotFound, allowWildcard }: RemoveAction): void {
  const top = openAt2(AT_FDCWD, toBytes(root), directory, 0);
  try {
    const parts = posix.join('/', path).split('/').filter(Boolean);
    const found = matching(top, parts, allowWildcard);
    if (found.length === 0 && !allowNotFound) {
      throw new EngineError('not-found', `stat ${posix.join('/', path)}: no such file or directory`);
    }
    for (const each of found) removeOne(top, each);
  } finally {
    closeFd(top);
  }
}

/** The paths that are there of those that the parts mean. */
function matching(top: number, parts: readonly string[], wildcards: boolean): string[] {
  let found = ['.'];
  for (const part of parts) found = found.flatMap(folder => namesOf(top, folder, part, wildcards));
  return found.filter(each => each !== '.');
}

function namesOf(top: number, folder: string, part: string, wildcards: boolean): string[] {
  return within(top, folder, opened => {
    const names =
      wildcards && hasGlob(part)
        ? namesIn(opened).map(toText).filter(pathMatcher(part))
        : [part].filter(name => findStatAt(opened, toBytes(name)) !== undefined);
    return names.map(name => posix.join(folder, name));
  });
}

function removeOne(top: number, path: string): void {
  within(top, posix.dirname(path), opened => {
    removeTreeAt(opened, toBytes(posix.basename(path)));
    return [];
  });
}

/** What `work` finds in a directory; nothing in what is none. */
function within(top: number, folder: string, work: (opened: number) => string[]): string[] {
  const opened = tryOpenAt2(top, toBytes(folder), directory, inRoot);
  if (opened === undefined) return [];
  try {
    return work(opened);
  } finally {
    closeFd(opened);
  }
}
