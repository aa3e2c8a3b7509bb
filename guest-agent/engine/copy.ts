import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { conflict, forbidden, notFound } from '../../contracts/errors.ts';
import type { PathStat } from '../archive/index.ts';
import { readAccountFiles } from './account-files.ts';
import type { ContainerActor } from './container.ts';
import type { EngineContext } from './context.ts';
import { resolveUser } from './user.ts';
import { remapOf, rootOutside } from './user-remap.ts';

/** A container's root: of the process while there is one (with its mounts), else of the snapshot. */
interface OpenRoot {
  path: string;
  close(): void;
}

async function openRoot(container: ContainerActor, context: EngineContext, writable: boolean): Promise<OpenRoot> {
  if (container.status === 'removing') throw conflict(`container ${container.id} is marked for removal`);
  const pid = container.live?.process.pid;
  if (pid) return { path: `/proc/${pid}/root`, close: () => undefined };
  // At rest nothing is mounted: the volumes are put in their places, as dockerd does.
  const { volumes, snapshots } = context.rooms;
  const holder = `copy-${++copies}`;
  for (const { type, name } of container.record.mounts) if (type === 'volume') await volumes.mounts.hold(name, holder);
  const letGo = (): void => void volumes.mounts.release(holder);
  const mounts = container.record.mounts
    .filter(({ type, source }) => (type === 'bind' || type === 'volume') && existsSync(source))
    .map(({ source, destination, rw }) => ({ source, destination, readonly: !rw }));
  try {
    const root = snapshots.open(container.id, { writable, mounts });
    return {
      path: root.path,
      close: () => {
        root.close();
        letGo();
      },
    };
  } catch (error) {
    letGo();
    throw error;
  }
}

let copies = 0;

const missing = (container: ContainerActor, path: string): Error =>
  notFound(`Could not find the file ${path} in container ${container.name}`);

/** HEAD …/archive. @throws not-found in Docker's words */
export async function statPath(container: ContainerActor, path: string, context: EngineContext): Promise<PathStat> {
  const root = await openRoot(container, context, false);
  try {
    const stat = context.rooms.archive.stat(root.path, path);
    if (!stat) throw missing(container, path);
    return stat;
  } finally {
    root.close();
  }
}

/** `docker cp` out of a container. The tar ends the mount that it reads from. */
export async function readArchive(
  container: ContainerActor,
  path: string,
  context: EngineContext,
): Promise<{ stat: PathStat; tar: Readable }> {
  const root = await openRoot(container, context, false);
  try {
    const stat = context.rooms.archive.stat(root.path, path);
    if (!stat) throw missing(container, path);
    const remap = container.live && remapOf(container.record.hostConfig, context.options.remap);
    const tar = context.rooms.archive.pack({
      root: root.path,
      path,
      ...(remap ? { rootOutside: rootOutside(remap) } : {}),
    });
    tar.once('close', () => root.close());
    container.emit('archive-path');
    return { stat, tar };
  } catch (error) {
    root.close();
    throw error;
  }
}

/** `docker cp` into a container. */
export async function writeArchive(
  container: ContainerActor,
  request: { path: string; tar: Readable; noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
  context: EngineContext,
): Promise<void> {
  if (container.record.hostConfig.ReadonlyRootfs && !isInVolume(container, request.path)) {
    throw forbidden('container rootfs is marked read-only');
  }
  const root = await openRoot(container, context, true);
  try {
    if (!context.rooms.archive.stat(root.path, request.path)) throw missing(container, request.path);
    const owner = request.copyUIDGID ? ownerOf(container, root.path) : undefined;
    const remap = container.live && remapOf(container.record.hostConfig, context.options.remap);
    const outside = rootOutside(remap);
    const users = {
      ...(owner ? { owner: { uid: outside.uid + owner.uid, gid: outside.gid + owner.gid } } : {}),
      ...(remap ? { rootOutside: outside } : {}),
    };
    await context.rooms.archive.unpack({ root: root.path, ...request, ...users });
    container.emit('extract-to-dir');
  } finally {
    root.close();
  }
}

function ownerOf(container: ContainerActor, root: string): { uid: number; gid: number } {
  const files = readAccountFiles(root);
  const { uid, gid } = resolveUser(container.record.config.User ?? '', files.passwd, files.group);
  return { uid, gid };
}

const isInVolume = (container: ContainerActor, path: string): boolean =>
  container.record.mounts.some(
    mount => mount.rw && (path === mount.destination || path.startsWith(`${mount.destination}/`)),
  );

/** `docker export`: the whole root file system. */
export async function exportRoot(container: ContainerActor, context: EngineContext): Promise<Readable> {
  const root = context.rooms.snapshots.open(container.id);
  const tar = context.rooms.archive.pack({ root: root.path, path: '/', contentsOnly: true });
  tar.once('close', () => root.close());
  container.emit('export');
  return tar;
}
