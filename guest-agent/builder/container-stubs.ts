import type { FileTree } from './file-tree.ts';

/** What a container's root has below the image's layers, for the runtime to mount on; deepest first. */
const stubs = [
  ...['.dockerenv', 'dev/console', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf', 'etc/mtab'],
  ...['dev/pts', 'dev/shm', 'dev', 'etc', 'proc', 'sys'],
];

/** All of them were made at once. */
const sameMomentMs = 3000;

/**
 * Takes them out of the files of a whole root: they are none of the image's. What the image has itself at such a place
 * has a time of its own.
 */
export function dropStubs(tree: FileTree): void {
  const made = tree.get('.dockerenv')?.mtime.getTime();
  if (made === undefined) return;
  for (const path of stubs) {
    const entry = tree.get(path);
    if (!entry || Math.abs(entry.mtime.getTime() - made) > sameMomentMs) continue;
    if (entry.type === 'file' ? entry.size === 0 : tree.below(path).length === 0) tree.remove(path);
  }
}
