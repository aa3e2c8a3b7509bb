import { ignorer, readIgnoreFile } from './dockerfile/ignore.ts';
import type { FileTree } from './file-tree.ts';

/** The ignore file of a Dockerfile, or else of the whole context. */
export function ignoreFileIn(tree: FileTree, dockerfile: string): readonly string[] {
  const file = tree.get(`${dockerfile}.dockerignore`) ?? tree.get('.dockerignore');
  return file?.type === 'file' ? readIgnoreFile(tree.bytesOf(file).toString()) : [];
}

/** The tree without what the patterns leave out. */
export function withoutIgnored(tree: FileTree, patterns: readonly string[]): FileTree {
  const ignored = ignorer(patterns);
  for (const path of [...tree.paths]) if (ignored(path)) tree.remove(path);
  return tree;
}
