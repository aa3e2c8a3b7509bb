import type { Image } from '../../images/index.ts';
import { commitStep } from '../layers.ts';
import type { Result } from './result.ts';
import type { GraphRooms } from './rooms.ts';
import { treeDifference } from './tree-difference.ts';

/** A directory on the disk that a command could write to. */
export interface WrittenFolder {
  folder: string;
  /** What it began with; nothing for an empty one. */
  below: Result | undefined;
  /** Which part of that. */
  at: string;
  createdBy: string;
  epoch: Date | undefined;
}

/** What was changed in the directory, as a layer on what it began with. */
export async function folderLayer(
  { folder, below, at, createdBy, epoch }: WrittenFolder,
  { options, sources }: GraphRooms,
): Promise<Image> {
  const { archive } = options;
  const parent = await below?.image();
  if (!parent) {
    const tar = archive.pack({ root: folder, path: '/', contentsOnly: true });
    return commitStep({ parent, tar, createdBy, epoch }, options);
  }
  const before = await sources.filesOf(parent, ['/']);
  const after = sources.tree(before);
  const place = after.resolve(at) ?? '';
  for (const path of after.below(place)) after.remove(path);
  await after.addTar(archive.pack({ root: folder, path: '/', contentsOnly: true }), { prefix: place });
  const tar = after.toTar(treeDifference(before, after));
  return commitStep({ parent, tar, createdBy, epoch }, options);
}
