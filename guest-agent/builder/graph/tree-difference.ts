import { posix } from 'node:path';
import { ancestors, cleanPath, type FileTree, type Placed, plainEntry, type TreeEntry } from '../file-tree.ts';

/** What a layer has to hold that makes `after` of `before`: what is new or other, the directories above it, and whiteouts. */
export function treeDifference(before: FileTree, after: FileTree): Placed[] {
  const changed = new Set<string>();
  const gone: string[] = [];
  for (const path of after.paths) {
    if (!isSame(before.get(path), after.get(path))) for (const each of [...above(path), path]) changed.add(each);
  }
  for (const path of before.paths) {
    const parent = parentOf(path);
    if (after.get(path) || (parent !== '' && after.get(parent)?.type !== 'directory')) continue;
    gone.push(path);
    for (const each of above(path)) changed.add(each);
  }
  const kept = after.paths.flatMap(path => {
    const entry = after.get(path);
    return entry && changed.has(path) ? [{ path, entry }] : [];
  });
  return [...kept, ...gone.map(whiteoutOf)];
}

const parentOf = (path: string): string => cleanPath(posix.dirname(`/${path}`));
const above = (path: string): string[] => ancestors(parentOf(path));

const whiteoutOf = (path: string): Placed => ({
  path: cleanPath(`${parentOf(path)}/.wh.${posix.basename(path)}`),
  entry: { ...plainEntry('file'), mtime: new Date(0) },
});

/** Seconds, for that is what all archives tell. */
const secondOf = (time: Date): number => Math.floor(time.getTime() / 1000);

function isSame(left: TreeEntry | undefined, right: TreeEntry | undefined): boolean {
  if (!left || !right) return false;
  return JSON.stringify(factsOf(left)) === JSON.stringify(factsOf(right));
}

const factsOf = ({ type, mode, uid, gid, mtime, target, device, attributes, digest }: TreeEntry): unknown[] => [
  type,
  mode,
  uid,
  gid,
  type === 'directory' ? 0 : secondOf(mtime),
  target,
  device,
  attributes,
  digest,
];
