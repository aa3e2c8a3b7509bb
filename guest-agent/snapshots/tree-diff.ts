import { constants } from 'node:fs';
import {
  type ByteString,
  closeFd,
  type FileStatus,
  findStatAt,
  isDirectory,
  isRegular,
  openAt2,
  RESOLVE_BENEATH,
  toText,
} from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { namesIn } from '../syscalls/remove-tree.ts';
import { isOpaque, isWhiteout } from '../syscalls/whiteout.ts';
import { type Change, changeKinds } from './snapshots.ts';

function openDirectory(parent: number, name: ByteString): number | undefined {
  try {
    return openAt2(parent, name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW, RESOLVE_BENEATH);
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

/** What overlayfs would show of `name` in the directories `lowers`, top first, and in which of them that is. */
export function findLower(lowers: number[], name: ByteString): { directory: number; status: FileStatus } | undefined {
  for (const directory of lowers) {
    const status = findStatAt(directory, name);
    if (status) return isWhiteout(directory, name, status) ? undefined : { directory, status };
  }
  return undefined;
}

/** The directories that overlayfs would merge under `name`. Each is the caller's to close. */
export function openLowers(lowers: number[], name: ByteString): number[] {
  const opened: number[] = [];
  for (const lower of lowers) {
    const status = findStatAt(lower, name);
    if (!status) continue;
    const directory = isDirectory(status.mode) ? openDirectory(lower, name) : undefined;
    if (directory === undefined) break; // a whiteout, or a file that hides what is below
    opened.push(directory);
    if (isOpaque(directory, '')) break;
  }
  return opened;
}

/** As Docker compares: a directory's size and times say nothing, of all else they do. */
export function differs(before: FileStatus, after: FileStatus): boolean {
  const { device: oldDevice } = before;
  if (before.mode !== after.mode || before.uid !== after.uid || before.gid !== after.gid) return true;
  if (oldDevice.major !== after.device.major || oldDevice.minor !== after.device.minor) return true;
  if (isDirectory(after.mode)) return false;
  return (
    before.size !== after.size ||
    before.mtime.seconds !== after.mtime.seconds ||
    before.mtime.nanoseconds !== after.mtime.nanoseconds
  );
}

/**
 * The differences that the layer `upper` makes to the stack `lowers` (top first), in the order of paths; a directory
 * that only holds changes counts as changed. All descriptors stay the caller's.
 */
export function* treeDiff(upper: number, lowers: number[], path = ''): Generator<Change> {
  const names = namesIn(upper);
  const here = new Set(names);
  // Below an opaque directory everything that it does not have itself is gone.
  const hidden = isOpaque(upper, '') ? new Set(lowers.flatMap(namesIn)) : new Set<ByteString>();
  for (const name of [...new Set([...names, ...hidden])].sort()) {
    const child = `${path}/${toText(name)}`;
    if (here.has(name)) yield* entryDiff(upper, lowers, name, child);
    else if (findLower(lowers, name)) yield { path: child, kind: changeKinds.deleted };
  }
}

function* entryDiff(upper: number, lowers: number[], name: ByteString, path: string): Generator<Change> {
  const after = findStatAt(upper, name);
  if (!after) return;
  const before = findLower(lowers, name)?.status;
  if (isWhiteout(upper, name, after)) {
    if (before) yield { path, kind: changeKinds.deleted };
    return;
  }
  const told = !before || differs(before, after);
  if (told) yield { path, kind: before ? changeKinds.modified : changeKinds.added };
  if (!isDirectory(after.mode)) return;
  yield* childrenDiff(upper, before && isDirectory(before.mode) ? lowers : [], name, path, told);
}

function* childrenDiff(
  upper: number,
  lowers: number[],
  name: ByteString,
  path: string,
  told: boolean,
): Generator<Change> {
  const directory = openDirectory(upper, name);
  if (directory === undefined) return;
  const below = openLowers(lowers, name);
  let silent = !told;
  try {
    for (const change of treeDiff(directory, below, path)) {
      if (silent) yield { path, kind: changeKinds.modified };
      silent = false;
      yield change;
    }
  } finally {
    for (const fd of [directory, ...below]) closeFd(fd);
  }
}

/** Sizes of all that is no directory below `directory`, or of files alone, each once however many names it has. */
export function* fileSizes(
  directory: number,
  { regularOnly = false, seen = new Set<string>() }: { regularOnly?: boolean; seen?: Set<string> } = {},
): Generator<number> {
  for (const name of namesIn(directory)) {
    const status = findStatAt(directory, name);
    if (!status) continue;
    if (isDirectory(status.mode)) {
      const child = openDirectory(directory, name);
      if (child === undefined) continue;
      try {
        yield* fileSizes(child, { regularOnly, seen });
      } finally {
        closeFd(child);
      }
    } else if ((!regularOnly || isRegular(status.mode)) && (status.links === 1 || !seen.has(status.identity))) {
      if (status.links > 1) seen.add(status.identity);
      yield status.size;
    }
  }
}
