import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { closeFd } from '../syscalls/file.ts';
import { unmount } from '../syscalls/mount.ts';
import { makeOpaque, makeWhiteout, markForFuse } from '../syscalls/whiteout.ts';
import { openFolderAt } from './copy-stack.ts';
import type { RootfsMount } from './snapshots.ts';
import { openFolder } from './whole-trees.ts';

/** Debian's package is called the same. */
const program = 'fuse-overlayfs';

/** What stands at `directory` once it is mounted. */
export type FuseMount = RootfsMount & { directory: string };

export const isMounted = (directory: string): boolean => statSync(directory).dev !== statSync(dirname(directory)).dev;

/**
 * Mounts the layers by a process of their own, which ends by itself when nobody has the mount any more; the engine's end
 * does not concern it. Paths are told relative to `root`, for a colon or a comma in them would mean something.
 * @throws Error with what the program says
 */
export function mountFuse({ lowerdirs, upperdir, workdir, directory }: FuseMount, root: string): void {
  const [lower, upper, work, target = ''] = [lowerdirs, [upperdir], [workdir], [directory]].map(paths =>
    paths.map(path => relative(root, path)).join(':'),
  );
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  const { error, status, stderr } = spawnSync(program, ['-o', options, target], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program}: ${stderr.trim() || `exit status ${status}`}`);
}

/** Any number of times. Whoever has files open there keeps them. */
export function unmountFuse(directory: string): void {
  if (isMounted(directory)) unmount(directory);
}

/** Why fuse-overlayfs cannot stand in for overlayfs below `root`: a trial shows whether it understands the marks of layers there. */
export function fuseRefusalAt(root: string): unknown {
  const probe = join(root, 'fuse-probe');
  const at = (name: string): string => join(probe, name);
  try {
    for (const name of ['low/hidden', 'mid/hidden', 'upper', 'work', 'tree']) mkdirSync(at(name), { recursive: true });
    for (const name of ['low/gone', 'low/hidden/old', 'low/stays']) writeFileSync(at(name), '');
    leaveMarks(at('mid'));
    const mount = { lowerdirs: [at('mid'), at('low')], upperdir: at('upper'), workdir: at('work'), options: [] };
    mountFuse({ ...mount, directory: at('tree') }, root);
    try {
      const seen = [...readdirSync(at('tree')), ...readdirSync(at('tree/hidden'))].sort().join(' ');
      return seen === 'hidden stays' ? undefined : new Error(`${program} shows what layers take away: ${seen}`);
    } finally {
      unmountFuse(at('tree'));
    }
  } catch (error) {
    return error;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function leaveMarks(layer: string): void {
  const folder = openFolder(layer);
  try {
    makeWhiteout(folder, 'gone');
    markForFuse(folder, 'gone');
    const hidden = openFolderAt(folder, 'hidden');
    makeOpaque(hidden, '');
    closeFd(hidden);
  } finally {
    closeFd(folder);
  }
}
