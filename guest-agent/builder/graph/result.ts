import type { Image } from '../../images/index.ts';
import type { BuildSources } from '../build-sources.ts';
import type { FileTree, Placed } from '../file-tree.ts';
import { fingerprint } from '../select-files.ts';

/** What an operation gives. */
export interface Result {
  /** As layers; undefined for an empty root. */
  image(): Promise<Image | undefined>;
  /** Its files, at least those that the paths name. @throws MissingSource */
  files(paths: readonly string[]): Promise<FileTree>;
  /** A name for what is at the path, whatever its times. @throws MissingSource */
  seen(path: string): Promise<string>;
}

/** Layers that are here. */
export const layersResult = (image: Image | undefined, sources: BuildSources): Result => ({
  image: async () => image,
  files: async paths => (image ? sources.filesOf(image, paths) : sources.tree()),
  seen: async () => image?.topChainId ?? '',
});

/** Files that came from elsewhere; a layer is made of them when somebody wants one. */
export function filesResult(tree: FileTree, makeLayer: () => Promise<Image>): Result {
  let layer: Promise<Image> | undefined;
  return {
    image: () => {
      layer ??= makeLayer();
      return layer;
    },
    files: async () => tree,
    seen: async path => fingerprint(tree, { sources: [path || '/'], exclude: [], parents: false }),
  };
}

/** All files of a tree, each at its place. */
export const placedOf = (tree: FileTree): Placed[] =>
  tree.paths.flatMap(path => {
    const entry = tree.get(path);
    return entry ? [{ path, entry }] : [];
  });
