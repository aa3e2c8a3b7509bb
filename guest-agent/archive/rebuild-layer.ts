import { createHash } from 'node:crypto';
import { internal, notFound } from '../../contracts/errors.ts';
import type { DiffId } from '../../contracts/oci/digest.ts';
import { closeFd, openRegular, toText } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { inRoot, openRoot } from './path-stat.ts';
import { type KeptContents, readRecipe } from './recipe.ts';
import { contentsOf } from './walk.ts';

export interface RebuildOptions {
  /** Where the layer was unpacked. */
  directory: string;
  /** What was written meanwhile. */
  recipe: string;
  /** What must come out. */
  diffId: DiffId;
  /** How much of it. */
  bytes: number;
}

/**
 * The archive that a layer was unpacked from, byte by byte. @throws not-found, internal when the files are no longer
 * those that were unpacked; the second only at the end
 */
export function* rebuildLayer({ directory, recipe, diffId, bytes }: RebuildOptions): Generator<Buffer> {
  const root = openRoot(directory);
  const hash = createHash('sha256');
  let left = bytes;
  try {
    for (const part of readRecipe(recipe)) {
      for (const piece of 'literal' in part ? [part.literal] : contentsIn(root, part)) {
        left -= piece.length;
        if (left < 0) throw changed(diffId, `more than ${bytes} bytes`); // of a damaged recipe there may be no end
        hash.update(piece);
        yield piece;
      }
    }
  } finally {
    closeFd(root);
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== diffId) throw changed(diffId, actual);
}

const changed = (expected: DiffId, actual: string): Error =>
  internal(`the files of a layer have changed: expected ${expected}, got ${actual}`);

function* contentsIn(root: number, { path, offset, length }: KeptContents): Generator<Buffer> {
  const file = openKept(root, path);
  try {
    yield* contentsOf(file, offset + length, offset);
  } finally {
    closeFd(file);
  }
}

function openKept(root: number, path: string): number {
  try {
    return openRegular(root, path, inRoot);
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ENOTDIR'))
      throw notFound(`a layer has lost its file ${toText(path)}`, { cause: error });
    throw error;
  }
}
