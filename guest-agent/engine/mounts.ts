import { existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRef } from '../../contracts/brand.ts';
import type { ContainerConfig, HostConfig, MountPoint } from '../../contracts/docker/containers.ts';
import { invalidArgument, messageOf, notFound } from '../../contracts/errors.ts';
import type { RuntimeMount } from '../../contracts/oci/runtime-spec.ts';
import type { Sandbox } from '../networks/index.ts';
import { type PlannedMount, parseVolumesFrom, planMounts } from '../volumes/index.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { dropImages, holdImage, imageMount } from './image-mounts.ts';
import { checkPropagation } from './propagation.ts';

/** What a container sees besides its image, as decided at its creation; volumes have their names. */
export interface ChosenMounts {
  mounts: PlannedMount[];
  /** Those that go with the container. */
  anonymousVolumes: string[];
  /** Those that were not there before, to be taken back when the creation fails. */
  newVolumes: string[];
}

interface Wishes {
  id: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
}

/** Checks what is asked, makes the volumes and lets the empty ones take over what the image has. @throws in Docker's words */
export async function chooseMounts(wishes: Wishes, context: EngineContext): Promise<ChosenMounts> {
  const planned = planMounts(
    {
      hostConfig: wishes.hostConfig,
      volumes: Object.keys(wishes.config.Volumes ?? {}),
      inherited: inheritedMounts(wishes.hostConfig, context),
    },
    { machine: context.options.machine, exists: existsSync },
  );
  const chosen: ChosenMounts = { mounts: [], anonymousVolumes: [], newVolumes: [] };
  try {
    for (const mount of planned) {
      chosen.mounts.push(await settled(mount, { id: wishes.id, chosen }, context));
    }
    await populate(wishes.id, chosen.mounts, context);
    return chosen;
  } catch (error) {
    await dropVolumes(chosen.newVolumes, context);
    await dropImages(chosen.mounts, context);
    throw error;
  }
}

type Place = { id: string; chosen: ChosenMounts };

/** With what has to be there before the container is. */
function settled(mount: PlannedMount, place: Place, context: EngineContext): PlannedMount | Promise<PlannedMount> {
  if (mount.type === 'volume') return ensureVolume(mount, place, context);
  if (mount.type === 'image') return holdImage(mount, `${place.id}-image${place.chosen.mounts.length}`, context);
  return mount;
}

/** A creation that failed leaves no volume behind. */
export async function dropVolumes(names: readonly string[], { rooms }: EngineContext): Promise<void> {
  for (const name of names) await rooms.volumes.remove(name, { force: true, inUse: [] });
}

function inheritedMounts({ VolumesFrom = [] }: HostConfig, { index }: EngineContext): PlannedMount[] {
  return VolumesFrom.flatMap(spec => {
    const { container, rw } = parseVolumesFrom(spec);
    const { mounts } = donorOf(container as ContainerRef, index).record;
    return mounts
      .filter(mount => mount.type !== 'tmpfs')
      .map(mount => ({
        ...mount,
        ...{ rw: mount.rw && rw !== false, copy: false, createSource: false, mode: '', inherited: true },
      }));
  });
}

/** Not 404, which would be the image: a client would pull it. @throws invalid-argument */
function donorOf(ref: ContainerRef, index: EngineContext['index']): ContainerActor {
  try {
    return index.getByRef(ref);
  } catch (error) {
    throw invalidArgument(messageOf(error), { cause: error });
  }
}

async function ensureVolume(mount: PlannedMount, { id, chosen }: Place, context: EngineContext): Promise<PlannedMount> {
  const { volumes } = context.rooms;
  const known = mount.name !== '' && volumes.find(mount.name) !== undefined;
  const { driver, driverOptions: driverOpts, labels, name } = mount;
  const volume = await volumes.create({ name, driver, driverOpts, labels, container: id });
  if (name === '') chosen.anonymousVolumes.push(volume.name);
  if (!known) {
    chosen.newVolumes.push(volume.name);
    context.events.emit({ type: 'volume', action: 'create', id: volume.name, attributes: { driver: 'local' } });
  }
  const mode = mount.mode || (name === '' || mount.inherited ? '' : 'z');
  return { ...mount, name: volume.name, mode, source: volume.mountpoint };
}

async function populate(id: string, mounts: readonly PlannedMount[], { rooms }: EngineContext): Promise<void> {
  const wanting = mounts.filter(mount => mount.type === 'volume' && mount.copy);
  if (wanting.length === 0) return;
  const { volumes, archive } = rooms;
  const root = rooms.snapshots.open(id);
  try {
    for (const { name, destination } of wanting) {
      if (volumes.mounts.isNeeded(name)) {
        if (!archive.stat(root.path, destination)) continue; // not mounted for nothing
        await volumes.mounts.hold(name, id);
      }
      await volumes.populate(name, root.path, destination);
    }
  } finally {
    root.close();
    await volumes.mounts.release(id);
  }
}

/** Volumes that are file systems of their own are mounted for this container, until they are released by its id. */
export async function holdVolumes({ id, mounts }: ContainerRecord, { rooms }: EngineContext): Promise<void> {
  for (const { type, name } of mounts) if (type === 'volume') await rooms.volumes.mounts.hold(name, id);
}

/** The record's mounts and the network's files, parents first; of two in one place the later. Sources that `-v` promises are made. */
export function mountsFor(
  record: ContainerRecord,
  sandbox: Pick<Sandbox, 'files'>,
  context: EngineContext,
): RuntimeMount[] {
  const isSeen = ({ destination }: PlannedMount, at: number): boolean =>
    record.mounts[at + 1]?.destination !== destination;
  const own = record.mounts.filter(isSeen).map(mount => toRuntimeMount(mount, context));
  const taken = new Set(own.map(mount => mount.destination));
  const files: [string, string][] = [
    ['/etc/resolv.conf', sandbox.files.resolvConf],
    ['/etc/hostname', sandbox.files.hostname],
    ['/etc/hosts', sandbox.files.hosts],
  ];
  const network = files
    .filter(([destination]) => !taken.has(destination))
    .map(([destination, source]) => ({ destination, type: 'bind', source, options: ['rbind', 'rprivate'] }));
  return [...network, ...own].sort((left, right) => depth(left) - depth(right));
}

const depth = ({ destination }: RuntimeMount): number => destination.split('/').filter(Boolean).length;

function toRuntimeMount(mount: PlannedMount, context: EngineContext): RuntimeMount {
  const { destination } = mount;
  switch (mount.type) {
    case 'tmpfs':
      return { destination, type: 'tmpfs', source: 'tmpfs', options: mount.tmpfsOptions };
    case 'volume': {
      const source = context.rooms.volumes.dataPath(mount.name);
      const { subpath } = mount;
      if (subpath !== '') checkSubpath(source, subpath);
      const options = ['rbind', ...access(mount), 'rprivate'];
      return { destination, type: 'bind', source, ...(subpath === '' ? {} : { subpath }), options };
    }
    case 'image':
      return imageMount(mount, context);
    case 'bind': {
      const bind = mount.recursive ? 'rbind' : 'bind';
      const source = bindSource(mount, context);
      const propagation = mount.propagation || 'rprivate';
      checkPropagation(source, propagation);
      return { destination, type: 'bind', source, options: [bind, ...access(mount), propagation] };
    }
  }
}

/** What the host has read-only stays so. */
const access = ({ rw, readonlyNonRecursive }: PlannedMount): string[] =>
  rw ? [] : [readonlyNonRecursive ? 'ro' : 'rro'];

/** What is opened later is opened inside the volume, wherever links lead. @throws not-found, invalid-argument in Docker's words */
function checkSubpath(volume: string, subpath: string): void {
  let path = volume;
  for (const part of subpath.split('/').filter(Boolean)) {
    path = join(path, part);
    if (lstatSync(path, { throwIfNoEntry: false })) continue;
    const whole = join(volume, subpath);
    throw notFound(`cannot access path ${whole}: lstat ${path}: no such file or directory`);
  }
  const [base, found] = [volume, path].map(place => realpathSync(place));
  if (found === base || found?.startsWith(`${base}/`)) return;
  throw invalidArgument(`path concatenation escapes the base directory, base: ${volume}, subpath: ${subpath}`);
}

/** In the machine the engine's socket is where every tool looks for Docker's. */
function bindSource(mount: PlannedMount, { options }: EngineContext): string {
  const isSocket = mount.source === '/var/run/docker.sock' || mount.source === '/run/docker.sock';
  if (options.machine && isSocket) return options.apiSocket;
  if (statSync(mount.source, { throwIfNoEntry: false })) return mount.source;
  if (!mount.createSource) {
    throw invalidArgument(`invalid mount config for type "bind": bind source path does not exist: ${mount.source}`);
  }
  mkdirSync(mount.source, { recursive: true, mode: 0o755 });
  return mount.source;
}

/** As inspect and list show them: what `--tmpfs` asked for is in the host config only. */
export function mountPoints({ mounts, hostConfig }: ContainerRecord): MountPoint[] {
  return mounts
    .filter(mount => !(mount.type === 'tmpfs' && hostConfig.Tmpfs && mount.destination in hostConfig.Tmpfs))
    .map(mount => ({
      Type: mount.type,
      ...(mount.type === 'volume' ? { Name: mount.name } : {}),
      ...(mount.type === 'image' ? { Name: mount.source } : {}),
      Source: mount.image?.directory ?? mount.source,
      Destination: mount.destination,
      ...(mount.type === 'volume' ? { Driver: mount.driver || 'local' } : {}),
      Mode: mount.mode,
      RW: mount.rw,
      Propagation: mount.propagation,
    }));
}
