import { constants } from 'node:fs';
import { takeOverDirectory } from '../syscalls/attributes.ts';
import { closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { dataOf } from '../syscalls/file-extents.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { isLayerMark } from '../syscalls/whiteout.ts';
import { LayerApplier } from './apply-layer.ts';
import { absolutePath, inRoot, openRoot } from './path-stat.ts';
import { TreeWriter } from './tree-writer.ts';
import { fragmentsOf, openFound, TreeWalker } from './walk.ts';

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;

/** Overlayfs's own marks belong to the layer they are in. */
const allXattrs = (name: string): boolean => !isLayerMark(name);

/**
 * Copies what is in a directory of an untrusted root into `target`, and gives `target` its owner, mode and time.
 * Nothing happens when there is no directory at `path`.
 */
export function copyTree(request: { root: string; path: string; target: string }): void {
  const root = openRoot(request.root);
  try {
    const source = openSource(root, absolutePath(request.path));
    if (source === undefined) return;
    try {
      copyInto(source, request.target);
    } finally {
      closeFd(source);
    }
  } finally {
    closeFd(root);
  }
}

function openSource(root: number, path: string): number | undefined {
  try {
    return openAt2(root, toBytes(path), directoryFlags, inRoot);
  } catch (error) {
    if (isSyscallError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

function copyInto(source: number, targetPath: string): void {
  const target = openRoot(targetPath);
  const applier = new LayerApplier(new TreeWriter(target, { exactTimes: true }), { whiteouts: 'plain' });
  try {
    for (const found of new TreeWalker({ xattrs: allXattrs }).children(source, '.', '')) {
      const file = found.entry.type === 'file' ? openFound(found) : undefined;
      try {
        const fragments = file === undefined ? undefined : dataOf(file, found.entry.size);
        applier.entry({ ...found.entry, ...(fragments && { fragments }) });
        if (file !== undefined) for (const piece of fragmentsOf(file, found.entry.size, fragments)) applier.data(piece);
        applier.end();
      } finally {
        if (file !== undefined) closeFd(file);
      }
    }
    applier.finish();
    takeOverDirectory(source, target);
  } finally {
    applier.abandon();
    closeFd(target);
  }
}
