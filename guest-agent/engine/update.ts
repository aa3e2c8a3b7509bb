import type { ContainerId } from '../../contracts/brand.ts';
import type { ContainerUpdateBody } from '../../contracts/docker/containers.ts';
import type { Resources } from '../../contracts/docker/host-config.ts';
import { conflict, type EngineError, internal, invalidArgument, messageOf } from '../../contracts/errors.ts';
import type { LinuxResources } from '../../contracts/oci/runtime-spec.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerIndex, Indexed } from './containers-index.ts';
import { deviceNumbers } from './devices.ts';
import { checkRestartPolicy } from './host-config.ts';
import { checkName } from './names.ts';
import { type MachineLimits, settleResources } from './resource-checks.ts';
import { toLinuxResources } from './resources.ts';

function checkNewName(name: string): string {
  try {
    return checkName(name);
  } catch {
    const rule = 'only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed';
    throw invalidArgument(
      `Error when allocating new name: Invalid container name (/${name.replace(/^\//, '')}), ${rule}`,
    );
  }
}

/** The new name, checked. @throws invalid-argument, conflict in Docker's words */
export function checkRename(container: Indexed, name: string): string {
  if (name === '') throw invalidArgument('Neither old nor new names may be empty');
  const wanted = checkNewName(name);
  if (wanted === container.name) {
    throw invalidArgument('Renaming a container with the same name as its current name');
  }
  return wanted;
}

/** @throws conflict in Docker's words when the name is another's */
export function reserveNewName<C extends Indexed>(index: ContainerIndex<C>, name: string, id: ContainerId): void {
  try {
    index.reserve(name, id);
  } catch (error) {
    throw conflict(`Error when allocating new name: ${messageOf(error)}`, { cause: error });
  }
}

/** What an update comes to: the record, what the living cgroup is told, and Docker's notices. */
export interface UpdatedRecord {
  record: Partial<ContainerRecord>;
  resources: LinuxResources;
  warnings: string[];
}

/** The limits that Docker changes; others in the request are checked and then ignored, as dockerd does. */
const updatable = [
  'BlkioWeight',
  'CpuShares',
  'NanoCpus',
  'CpuPeriod',
  'CpuQuota',
  'CpusetCpus',
  'CpusetMems',
  'Memory',
  'MemorySwap',
  'MemoryReservation',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
] as const satisfies readonly (keyof Resources)[];

/** `docker update`: only what is named changes. @throws invalid-argument, conflict in Docker's words */
export function updatedRecord(
  record: ContainerRecord,
  body: ContainerUpdateBody,
  machine: MachineLimits,
): UpdatedRecord {
  const { RestartPolicy, ...asked } = body;
  if (RestartPolicy) checkRestartPolicy(RestartPolicy);
  const { resources: wanted, warnings } = settleResources(asked, machine, true);
  const refuse = (why: string): Error => conflict(`Cannot update container ${record.id}: ${why}`);
  const { hostConfig: had } = record;
  const conflicting = conflictOf(wanted, had);
  if (conflicting) throw refuse(conflicting);
  const set: Resources = Object.fromEntries(updatable.flatMap(key => (wanted[key] ? [[key, wanted[key]]] : [])));
  if (wanted.PidsLimit !== undefined) set.PidsLimit = Math.max(wanted.PidsLimit, 0);
  const hostConfig = { ...had, ...set };
  if (RestartPolicy?.Name) {
    if (had.AutoRemove && RestartPolicy.Name !== 'no') {
      throw refuse('Restart policy cannot be updated because AutoRemove is enabled for the container');
    }
    hostConfig.RestartPolicy = { Name: RestartPolicy.Name, MaximumRetryCount: RestartPolicy.MaximumRetryCount ?? 0 };
  }
  return { record: { hostConfig }, resources: liveResources(set, hostConfig), warnings };
}

/** CPUs are given in one of two ways, and memory is part of a sum (moby container_unix.go, UpdateContainer). */
function conflictOf(wanted: Resources, had: Resources): string | undefined {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, Memory = 0, MemorySwap = 0 } = wanted;
  const nano = 'Conflicting options: Nano CPUs cannot be updated as CPU';
  if (NanoCpus > 0 && (had.CpuPeriod ?? 0) > 0) return `${nano} Period has already been set`;
  if (NanoCpus > 0 && (had.CpuQuota ?? 0) > 0) return `${nano} Quota has already been set`;
  const blocked = (had.NanoCpus ?? 0) > 0 ? 'cannot be updated as NanoCPUs has already been set' : undefined;
  if (CpuPeriod > 0 && blocked) return `Conflicting options: CPU Period ${blocked}`;
  if (CpuQuota > 0 && blocked) return `Conflicting options: CPU Quota ${blocked}`;
  if (Memory === 0 || MemorySwap !== 0 || Memory <= (had.MemorySwap ?? 0)) return undefined;
  return 'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
}

/**
 * v2 has one file for quota and period, and counts swap alone: with one of a pair goes the other. Realtime limits wait for
 * the next start, as with dockerd.
 */
function liveResources(changed: Resources, now: Resources): LinuxResources {
  const { CpuRealtimePeriod: _period, CpuRealtimeRuntime: _runtime, ...rest } = changed;
  const set: Resources = rest;
  const named = (...keys: (keyof Resources)[]): boolean => keys.some(key => set[key] !== undefined);
  const resources = toLinuxResources(
    {
      ...set,
      ...(named('Memory', 'MemorySwap') ? { Memory: now.Memory, MemorySwap: now.MemorySwap } : {}),
      ...(named('CpuPeriod', 'CpuQuota') ? { CpuPeriod: now.CpuPeriod, CpuQuota: now.CpuQuota } : {}),
    },
    deviceNumbers,
  );
  return set.PidsLimit === 0 ? { ...resources, pids: { limit: -1 } } : resources;
}

/** The kernel's refusal as Docker's clients know it. */
export function updateFailure(id: string, error: unknown): EngineError {
  const why = messageOf(error);
  return internal(`Cannot update container ${id}: runc did not terminate successfully: exit status 1: ${why}\n`, {
    cause: error,
  });
}
