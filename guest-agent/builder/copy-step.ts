import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { EngineError } from '../../contracts/errors.ts';
import type { Image } from '../images/index.ts';
import type { BuilderOptions } from './contract.ts';
import { FileTree, type Placed, plainEntry } from './file-tree.ts';
import { fillWith, layerOf, type StepOutput, type StepRoot } from './layers.ts';
import { tarOf } from './packed-files.ts';
import { placeFiles, type RootView } from './place-files.ts';
import type { Selected } from './select-files.ts';

/** Files, and how they are to be placed. */
export interface Copying {
  tree: FileTree;
  selected: readonly Selected[];
  destination: string;
  chmod: string | undefined;
  /** ADD: archives are unpacked. */
  unpack: boolean;
  /** Where archives are taken apart. */
  scratch: string;
  signal: AbortSignal;
}

export interface CopyRequest extends StepOutput, Copying {
  /** `user:group`, as typed. */
  chown: string | undefined;
}

interface Owner {
  uid: number;
  gid: number;
}

export function viewOf({ path: root }: StepRoot, { archive }: Pick<BuilderOptions, 'archive'>): RootView {
  const follow = (path: string): string => archive.stat(root, path)?.linkTarget || path;
  return {
    follow,
    look: (path, follows) => {
      const stat = archive.stat(root, follows ? follow(path) : path);
      if (!stat) return undefined;
      return stat.mode >>> 31 === 1 ? 'directory' : 'other'; // Go's os.ModeDir
    },
  };
}

/** Names that the root's account files do not know are root's, as BuildKit has it. */
export function ownerOf(spec: string, root: StepRoot, { resolveOwner }: Pick<BuilderOptions, 'resolveOwner'>): Owner {
  const [, group] = spec.split(':');
  for (const each of [spec, ...(group ? [`0:${group}`] : [])]) {
    try {
      return resolveOwner(each, root.path);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }
  return { uid: 0, gid: 0 };
}

/** COPY and ADD: a layer of the files that were selected. */
export const copyStep = (request: CopyRequest, options: BuilderOptions): Promise<Image> =>
  layerOf(request, options, root => {
    const owner = request.chown ? ownerOf(request.chown, root, options) : undefined;
    return copyInto(root, { ...request, owner }, options);
  });

/** Places the files in a root; their times are their own, unless somebody says another. */
export async function copyInto(
  root: StepRoot,
  request: Copying & { owner: Owner | undefined; mtime?: Date | undefined },
  options: BuilderOptions,
): Promise<void> {
  const { tree, destination, chmod, owner, mtime } = request;
  const { plain, archives } = await parted(request);
  const view = viewOf(root, options);
  const placed = placeFiles(plain, { destination, owner, mode: chmod, root: view });
  const dated = mtime ? placed.map(({ path, entry }) => ({ path, entry: { ...entry, mtime } })) : placed;
  await fillWith(async () => tree.toTar(dated), options)(root);
  for (const tar of archives) await unpackInto(root, { tar, request, view }, options);
}

/** WORKDIR: the directory, if it is not there. */
export function workdirStep(
  request: StepOutput & { path: string; user: string; scratch: string },
  options: BuilderOptions,
): Promise<Image> {
  return layerOf(request, options, async root => {
    const owner = request.user ? ownerOf(request.user, root, options) : undefined;
    const directory: Selected = { name: '', under: '', entry: plainEntry('directory'), contents: [] };
    const destination = `${request.path}/`;
    const placed = placeFiles([directory], { destination, owner, mode: undefined, root: viewOf(root, options) });
    if (placed.length === 0) return;
    const tree = new FileTree(request.scratch);
    try {
      await fillWith(async () => tree.toTar(placed), options)(root);
    } finally {
      tree.close();
    }
  });
}

/** ADD takes archives apart, wherever they are named. */
async function parted({
  selected,
  tree,
  unpack,
  signal,
}: Copying): Promise<{ plain: Selected[]; archives: Readable[] }> {
  const archives: Readable[] = [];
  const plain: Selected[] = [];
  for (const each of selected) {
    const tar = unpack ? await tarOf(tree, each.entry, signal) : undefined;
    if (tar) archives.push(tar);
    else plain.push(each);
  }
  return { plain, archives };
}

async function unpackInto(
  root: StepRoot,
  { tar, request, view }: { tar: Readable; request: Copying & { owner: Owner | undefined }; view: RootView },
  options: BuilderOptions,
): Promise<void> {
  const tree = new FileTree(request.scratch);
  try {
    await tree.addTar(tar);
    const contents = tree.paths.flatMap(path => {
      const entry = tree.get(path);
      return entry ? [{ relative: path, entry }] : [];
    });
    const all: Selected = { name: '', under: '', entry: plainEntry('directory'), contents };
    const { owner } = request;
    const destination = posix.join(request.destination, '/');
    const placed: Placed[] = placeFiles([all], { destination, owner, mode: request.chmod, root: view, replaces: true });
    await fillWith(async () => tree.toTar(placed), options)(root);
  } finally {
    tree.close();
  }
}
