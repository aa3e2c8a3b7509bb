import { posix } from 'node:path';
import { EngineError, invalidArgument } from '../../../contracts/errors.ts';
import { copyInto, ownerOf, viewOf } from '../copy-step.ts';
import { ancestors, cleanPath, type FileTree, type Placed, plainEntry, type TreeEntry } from '../file-tree.ts';
import { fillWith, type StepRoot } from '../layers.ts';
import { MissingSource, matchesOf, type Selection, selectFiles } from '../select-files.ts';
import type {
  CopyAction,
  FileAction,
  FileOwner,
  LinkAction,
  MakeDirectoryAction,
  MakeFileAction,
} from './operations.ts';
import { overwrite } from './overwrite.ts';
import { removeFiles } from './remove-files.ts';
import type { Result } from './result.ts';
import type { Work } from './rooms.ts';

/** Where an action works. */
interface Place extends Work {
  root: StepRoot;
  /** What is copied from. */
  source: Result | undefined;
}

/** Does it, in a root that may be written. @throws invalid-argument in BuildKit's words */
export async function perform({ copy, mkfile, mkdir, rm, symlink }: FileAction, place: Place): Promise<void> {
  if (copy) await copyFiles(copy, place);
  else if (mkfile) await makeFile(mkfile, place);
  else if (mkdir) await makeDirectory(mkdir, place);
  else if (rm) removeFiles(place.root.path, rm);
  else if (symlink) await makeLink(symlink, place);
  else throw invalidArgument('unknown file action');
}

async function makeDirectory({ path, mode, makeParents, owner, timestamp }: MakeDirectoryAction, place: Place) {
  const { look } = viewOf(place.root, place.rooms.options);
  const wanted = makeParents ? ancestors(path) : [cleanPath(path)];
  const entry = { ...plainEntry('directory'), mode: mode & 0o7777, ...(await dressed({ owner, timestamp }, place)) };
  if (!makeParents) checkParent('mkdir', path, place);
  const missing = wanted.filter(each => each !== '' && look(`/${each}`, true) === undefined);
  await put(
    missing.map(each => ({ path: each, entry })),
    place,
  );
}

/** A file that is there keeps its mode, and its owner unless another is asked for; a link leads to it. */
async function makeFile({ path, mode, data, owner, timestamp }: MakeFileAction, place: Place): Promise<void> {
  checkParent('open', path, place);
  const more = await dressed({ owner, timestamp }, place);
  if (overwrite(place.root.path, path, data, more)) return;
  const tree = place.rooms.sources.tree();
  const at = cleanPath(path);
  tree.addFile(at, data, { mode: mode & 0o777, ...more });
  const entry = tree.get(at);
  if (entry) await put([{ path: at, entry }], place, tree);
}

async function makeLink({ oldpath, newpath, owner, timestamp }: LinkAction, place: Place): Promise<void> {
  checkParent('symlink', newpath, place);
  const more = await dressed({ owner, timestamp }, place);
  const entry = { ...plainEntry('symlink'), mode: 0o777, target: oldpath, ...more };
  await put([{ path: cleanPath(newpath), entry }], place);
}

/** Each thing that the source names is placed for itself: the first may make the directory that takes the next. */
async function copyFiles(copy: CopyAction, place: Place): Promise<void> {
  const { root, source, rooms } = place;
  const { options, sources, signal } = rooms;
  const tree = (await source?.files([copy.src])) ?? sources.tree();
  const selection = selectionOf(tree, copy);
  if (selection.sources.length === 0) return checkNothing(copy);
  const destination = posix.join('/', copy.dest);
  if (!copy.createDestPath)
    checkParent(`failed to stat ${copy.dest}: lstat`, posix.join(destination, '.'), place, 'parent');
  const { uid, gid, mtime } = await dressed(copy, place);
  const owner = uid === undefined || gid === undefined ? undefined : { uid, gid };
  for (const each of selectFiles(tree, selection)) {
    const isInside = each.entry.type === 'directory' && !copy.dirCopyContents;
    const nested = isInside && viewOf(root, options).look(destination, true) !== undefined;
    const request = {
      tree,
      selected: [each],
      destination: nested ? posix.join(destination, each.name) : destination,
      owner,
      chmod: copy.modeStr || (copy.mode >= 0 ? (copy.mode & 0o7777).toString(8) : undefined),
      mtime,
      unpack: copy.attemptUnpackDockerCompatibility,
      scratch: sources.scratch,
      signal,
    };
    await copyInto(root, request, options);
  }
}

/** @throws not-found unless the copy allows it */
function checkNothing({ src, allowWildcard, allowEmptyWildcard }: CopyAction): void {
  if (!allowWildcard) throw new MissingSource(src);
  if (!allowEmptyWildcard) throw new EngineError('not-found', `${src} not found`);
}

/** What a copy takes of the files; without sources where nothing matches. */
export function selectionOf(tree: FileTree, copy: CopyAction): Selection {
  const how = { literal: !copy.allowWildcard, keepsLinks: !copy.followSymlink };
  return {
    sources: matchesOf(tree, copy.src, how),
    exclude: copy.exclude_patterns,
    include: copy.include_patterns,
    parents: false,
    keepsLinks: how.keepsLinks,
    literal: true,
  };
}

/** @throws not-found where there is nothing to make it in */
function checkParent(verb: string, path: string, { root, rooms }: Place, blamed: 'path' | 'parent' = 'path'): void {
  const parent = posix.dirname(posix.join('/', path));
  if (parent === '/' || rooms.options.archive.stat(root.path, parent)) return;
  throw new EngineError('not-found', `${verb} ${blamed === 'path' ? path : parent}: no such file or directory`);
}

/** Owner and time that somebody asked for. */
async function dressed(
  { owner, timestamp }: { owner: FileOwner | null; timestamp: number },
  place: Place,
): Promise<Partial<Pick<TreeEntry, 'uid' | 'gid' | 'mtime'>>> {
  const time = timestamp === -1 ? {} : { mtime: new Date(timestamp / 1e6) };
  return { ...time, ...(owner ? await numbersOf(owner, place) : {}) };
}

type Account = NonNullable<FileOwner['user']>;

/** Names are those of the account files of an input, the action's own root where it has none. */
async function numbersOf({ user, group }: FileOwner, place: Place): Promise<{ uid: number; gid: number }> {
  const own = user ? await accountIn(user, (name: string) => name, place) : { uid: 0, gid: 0 };
  return { ...own, ...(group ? { gid: (await accountIn(group, name => `0:${name}`, place)).gid } : {}) };
}

async function accountIn({ byName, byID }: Account, specOf: (name: string) => string, place: Place) {
  if (!byName) return { uid: byID, gid: byID };
  return ownerOf(specOf(byName.name), place.root, place.rooms.options);
}

/** Unpacks these at their places. */
function put(placed: readonly Placed[], { root, rooms }: Place, tree = rooms.sources.tree()): Promise<void> {
  return fillWith(async () => tree.toTar(placed), rooms.options)(root);
}
