import type { ContainerUpdateBody } from '../../contracts/docker/containers.ts';
import { conflict, invalidArgument } from '../../contracts/errors.ts';
import type { LinuxResources } from '../../contracts/oci/runtime-spec.ts';
import type { ContainerRecord } from './container-record.ts';
import type { Indexed } from './containers-index.ts';
import { cpuCount } from './cpu-count.ts';
import { deviceNumbers } from './devices.ts';
import { checkRestartPolicy } from './host-config.ts';
import { checkName } from './names.ts';
import { checkResources, toLinuxResources } from './resources.ts';

/** The new name, checked. @throws invalid-argument, conflict in Docker's words */
export function checkRename(container: Indexed, name: string): string {
  if (name === '') throw invalidArgument('Neither old nor new names may be empty');
  const wanted = checkName(name);
  if (wanted === container.name) {
    throw invalidArgument('Renaming a container with the same name as its current name');
  }
  return wanted;
}

/** `docker update`: only what is named changes. @throws invalid-argument, conflict */
export function updatedRecord(
  record: ContainerRecord,
  body: ContainerUpdateBody,
): { record: Partial<ContainerRecord>; resources: LinuxResources } {
  const { RestartPolicy, ...wanted } = body;
  const set = Object.fromEntries(
    Object.entries(wanted).filter(([, value]) => value !== undefined && value !== 0 && value !== '' && !isEmpty(value)),
  );
  const hostConfig = { ...record.hostConfig, ...set };
  if (RestartPolicy?.Name) {
    if (record.hostConfig.AutoRemove && RestartPolicy.Name !== 'no') {
      throw conflict('Restart policy cannot be updated because AutoRemove is enabled for the container');
    }
    checkRestartPolicy(RestartPolicy);
    hostConfig.RestartPolicy = { Name: RestartPolicy.Name, MaximumRetryCount: RestartPolicy.MaximumRetryCount ?? 0 };
  }
  checkResources(hostConfig, { cpus: cpuCount });
  return { record: { hostConfig }, resources: toLinuxResources(set, deviceNumbers) };
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
