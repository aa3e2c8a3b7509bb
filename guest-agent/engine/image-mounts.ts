import { join } from 'node:path';
import { notFound, notImplemented } from '../../contracts/errors.ts';
import type { ChainId } from '../../contracts/oci/digest.ts';
import type { RuntimeMount } from '../../contracts/oci/runtime-spec.ts';
import type { PlannedMount } from '../volumes/index.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';

/*
 * Images as mounts: a container sees another image's files, read-only, wherever it wants. A snapshot of the image is
 * taken with the container, so that the layers stay even when the image is removed by force.
 */

/** The mount with its image. One that is inherited by `--volumes-from` is known already. @throws not-found */
export async function holdImage(
  mount: PlannedMount,
  snapshot: string,
  { rooms }: EngineContext,
): Promise<PlannedMount> {
  const { id, topChainId } = mount.image ?? rooms.images.get(mount.source);
  await rooms.snapshots.prepare(snapshot, topChainId);
  return { ...mount, image: { id, topChainId, snapshot, directory: folderOf(snapshot, rooms) } };
}

/** The snapshots of a container: its own, and those of the images that it mounts. */
export const snapshotsOf = ({
  id,
  image,
  mounts,
}: ContainerRecord): (readonly [id: string, topChainId: ChainId | undefined])[] => [
  [id, image.topChainId],
  ...mounts.flatMap(mount => (mount.image ? [[mount.image.snapshot, mount.image.topChainId] as const] : [])),
];

/** Any number of times. */
export async function dropImages(mounts: readonly PlannedMount[], { rooms }: EngineContext): Promise<void> {
  for (const { image } of mounts) if (image) await rooms.snapshots.remove(image.snapshot);
}

/** A bind of the image's layers, or of what of them is asked for. @throws not-found, invalid-argument in Docker's words */
export function imageMount(mount: PlannedMount, { rooms, options }: EngineContext): RuntimeMount {
  const { destination, image, subpath } = mount;
  if (!image) throw new Error(`a mount of an image without one: ${destination}`);
  if (subpath !== '') checkPart(image, subpath, rooms);
  rooms.snapshots.stand(image.snapshot);
  const layers = rooms.snapshots.layerFolders(image.snapshot);
  if (layers.length > 1 && options.remap)
    throw notImplemented('images of several layers cannot be mounted where users are remapped yet');
  return {
    destination,
    type: 'bind',
    source: image.directory,
    ...(subpath === '' ? {} : { subpath }),
    ...(layers.length > 1 ? { layers } : {}),
    options: ['rbind', 'rro', 'rprivate'],
  };
}

/** @throws not-found in Docker's words */
function checkPart(
  { snapshot, directory }: NonNullable<PlannedMount['image']>,
  subpath: string,
  { snapshots, archive }: EngineContext['rooms'],
): void {
  const view = snapshots.open(snapshot);
  try {
    if (archive.stat(view.path, subpath)) return;
    const path = join(directory, subpath);
    throw notFound(`cannot access path ${path}: lstat ${path}: no such file or directory`);
  } finally {
    view.close();
  }
}

const folderOf = (snapshot: string, { snapshots }: EngineContext['rooms']): string =>
  snapshots.layerFolders(snapshot)[0] ?? snapshots.rootfs(snapshot).upperdir;
