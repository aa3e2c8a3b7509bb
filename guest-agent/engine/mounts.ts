import type { ContainerConfig, HostConfig, MountPoint } from '../../contracts/docker/containers.ts';
import type { RuntimeMount } from '../../contracts/oci/runtime-spec.ts';
import type { Sandbox } from '../networks/index.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';

/** What a container sees besides its image, as decided at its creation. */
export interface ChosenMounts {
  mounts: MountPoint[];
  anonymousVolumes: string[];
}

export async function chooseMounts(
  _draft: { config: ContainerConfig; hostConfig: HostConfig },
  _context: EngineContext,
): Promise<ChosenMounts> {
  return { mounts: [], anonymousVolumes: [] };
}

/** The record's mounts and the network's files, parents first. */
export function mountsFor(record: ContainerRecord, sandbox: Sandbox, context: EngineContext): RuntimeMount[] {
  const own = record.mounts.map(mount => toRuntimeMount(mount, record.hostConfig, context));
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

function toRuntimeMount(mount: MountPoint, _host: HostConfig, _context: EngineContext): RuntimeMount {
  const access = mount.RW ? 'rw' : 'ro';
  if (mount.Type === 'tmpfs') {
    return {
      destination: mount.Destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['noexec', 'nosuid', 'nodev', access],
    };
  }
  const propagation = mount.Propagation || 'rprivate';
  return {
    destination: mount.Destination,
    type: 'bind',
    source: mount.Source,
    options: ['rbind', access, propagation],
  };
}
