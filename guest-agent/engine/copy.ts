import { constants, existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { conflict, forbidden, internal, invalidArgument, notFound } from '../../contracts/errors.ts';
import type { PathStat } from '../archive/index.ts';
import type { RunningProcess } from '../runtime/index.ts';
import { AT_FDCWD, closeFd, O_PATH, openAt2, toBytes } from '../syscalls/file.ts';
import { readAccountFiles } from './account-files.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
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
  if (container.live) return openLiveRoot(container.live.process);
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

/** Held open from now on: a process that ends meanwhile may leave its number to one of the host. @throws conflict */
function openLiveRoot(process: RunningProcess): OpenRoot {
  const root = openAt2(AT_FDCWD, toBytes(`/proc/${process.pid}/root`), O_PATH | constants.O_DIRECTORY, 0);
  const close = (): void => closeFd(root);
  if (process.alive) return { path: `/proc/self/fd/${root}`, close };
  close();
  throw conflict(`container ${process.id} is not running`);
}

const missing = (container: ContainerActor, path: string): Error =>
  notFound(`Could not find the file ${path} in container ${container.name}`);

/** Of Go's io/fs.FileMode, in which nothing is above it. */
const goDirectory = 2 ** 31;

/** @throws not-found, and for a file that is called a directory internal: in Docker's words */
function statInside(container: ContainerActor, root: OpenRoot, path: string, { rooms }: EngineContext): PathStat {
  if (container.live && isKernels(posix.resolve('/', path), container.record)) throw missing(container, path);
  const stat = rooms.archive.stat(root.path, path);
  if (stat) return stat;
  for (let above = path.replace(/\/\.?$/, ''); above.length > 1; above = posix.dirname(above)) {
    const found = rooms.archive.stat(root.path, above);
    if (!found) continue;
    if (found.mode < goDirectory && found.linkTarget === '') throw internal(`lstat ${path}: not a directory`);
    break;
  }
  throw missing(container, path);
}

/** HEAD …/archive. @throws not-found in Docker's words */
export async function statPath(container: ContainerActor, path: string, context: EngineContext): Promise<PathStat> {
  const root = await openRoot(container, context, false);
  try {
    return statInside(container, root, path, context);
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
    const stat = statInside(container, root, path, context);
    const remap = container.live && remapOf(container.record.hostConfig, context.options.remap);
    const tar = context.rooms.archive.pack({
      root: root.path,
      path,
      ...(container.live ? { hidden: hiddenDevices(container.live.process.pid, container.record) } : {}),
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

/** Where the runtime mounts what is no file of the container's: dockerd does not see it at all. */
const kernelFolders = ['/proc', '/sys', '/dev'];

/** In one of these, but for shared memory and what the user has mounted there. */
function isHidden(path: string, { mounts }: ContainerRecord): boolean {
  const shown = ['/dev/shm', ...mounts.map(({ destination }) => destination)];
  return kernelFolders.some(folder => isWithin(path, folder)) && !shown.some(folder => isWithin(path, folder));
}

/** The folders themselves are the image's. */
const isKernels = (path: string, record: ContainerRecord): boolean =>
  !kernelFolders.includes(path) && isHidden(path, record);

/** The devices of these mounts, as `major:minor`. proc_pid_mountinfo(5) */
function hiddenDevices(pid: number, record: ContainerRecord): string[] {
  const rows = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
  const found = rows.flatMap(row => {
    const [, , device = '', , path = ''] = row.split(' ');
    return isHidden(path, record) ? [device] : [];
  });
  return [...new Set(found)];
}

/** `docker cp` into a container. */
export async function writeArchive(
  container: ContainerActor,
  request: { path: string; tar: Readable; noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
  context: EngineContext,
): Promise<void> {
  assertWritable(container.record, request.path);
  const root = await openRoot(container, context, true);
  try {
    if (!context.rooms.archive.stat(root.path, request.path)) throw missing(container, request.path);
    const owner = request.copyUIDGID && container.record.config.User ? ownerOf(container, root.path) : undefined;
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

/**
 * Removes a file or a folder of a container that stands still; a running one has programs for that. Its volumes and the
 * host's folders are not in their places meanwhile: nothing of them can go. @throws invalid-argument, conflict, not-found
 */
export async function removeInside(container: ContainerActor, path: string, { rooms }: EngineContext): Promise<void> {
  const clean = posix.resolve('/', path);
  const mount = container.record.mounts.find(({ destination }) => isWithin(clean, destination));
  if (clean === '/') throw invalidArgument('the root of a container cannot be removed');
  if (mount) throw conflict(`${clean} is in what is mounted at ${mount.destination}, not in the container`);
  if (container.live) throw conflict(`container ${container.name} is running: remove ${clean} by a program in it`);
  assertWritable(container.record, clean);
  const root = rooms.snapshots.open(container.id, { writable: true });
  try {
    if (!rooms.archive.stat(root.path, clean)) throw missing(container, path);
    await rooms.archive.remove({ root: root.path, path: clean });
  } finally {
    root.close();
  }
}

function ownerOf(container: ContainerActor, root: string): { uid: number; gid: number } {
  const files = readAccountFiles(root);
  const { uid, gid } = resolveUser(container.record.config.User ?? '', files.passwd, files.group);
  return { uid, gid };
}

/** @throws forbidden in Docker's words */
function assertWritable({ mounts, hostConfig }: ContainerRecord, given: string): void {
  const path = posix.resolve('/', given);
  const around = mounts.filter(({ destination }) => isWithin(path, destination));
  const [mount] = around.sort((one, two) => two.destination.length - one.destination.length);
  if (mount && !mount.rw) throw forbidden('mounted volume is marked read-only');
  if (!mount && hostConfig.ReadonlyRootfs) throw forbidden('container rootfs is marked read-only');
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** `docker export`: the whole root file system. */
export async function exportRoot(container: ContainerActor, context: EngineContext): Promise<Readable> {
  const root = context.rooms.snapshots.open(container.id);
  const tar = context.rooms.archive.pack({ root: root.path, path: '/', contentsOnly: true });
  tar.once('close', () => root.close());
  container.emit('export');
  return tar;
}
