import { existsSync } from 'node:fs';
import type { RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import type { Sandbox } from '../networks/index.ts';
import { refusedSpec } from '../runtime/index.ts';
import { withRequestedDevices } from './cdi.ts';
import { withVariables } from './config.ts';
import { confinedBy } from './confinement.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { cpuCount } from './cpu-count.ts';
import { chooseDevices, deviceNumbers } from './devices.ts';
import { initMounts } from './init.ts';
import { refusedLaunch } from './launch-error.ts';
import { withLinkVariables } from './links.ts';
import { mountsFor } from './mounts.ts';
import { toLinuxResources } from './resources.ts';
import { cgroupsPathOf, toRuntimeSpec } from './runtime-spec.ts';
import { sharedNamespaces } from './shared-namespaces.ts';
import { type ResolvedUser, resolveGroups, resolveUser } from './user.ts';
import { mappedMounts, remapOf } from './user-remap.ts';

/** A run's user and further groups, as the container's own files name them. */
export interface RunUser {
  user: ResolvedUser;
  additionalGids: readonly number[];
}

/** @throws EngineError in Docker's words */
export function runUser(record: ContainerRecord, context: EngineContext): RunUser {
  const accounts = context.accounts.read(record.id, record.image.topChainId);
  return {
    user: resolveUser(record.config.User ?? '', accounts.passwd, accounts.group),
    additionalGids: resolveGroups(record.hostConfig.GroupAdd ?? [], accounts.group),
  };
}

/** What a run depends on besides its record. */
export interface RunFacts {
  user: RunUser;
  sandbox: Pick<Sandbox, 'namespacePath' | 'files'>;
  consoleSize?: { rows: number; columns: number };
  /** Variables that no record has. */
  secretEnv?: readonly string[];
}

/** The specification of a run, with all that is looked up for it. @throws EngineError in Docker's words */
export async function runSpec(
  record: ContainerRecord,
  { user, sandbox, consoleSize, secretEnv = [] }: RunFacts,
  context: EngineContext,
): Promise<RuntimeSpec> {
  const { hostConfig } = record;
  const { options, rooms } = context;
  const chosen = chooseDevices(hostConfig);
  const remap = remapOf(hostConfig, options.remap);
  const mounts = [...mountsFor(record, sandbox, context), ...initMounts(hostConfig, options)];
  const { config, ...known } = withLinkVariables(record, context);
  const whole = secretEnv.length > 0 ? { ...config, Env: withVariables(config.Env ?? [], secretEnv) } : config;
  const asked = toRuntimeSpec(
    { ...known, config: whole },
    {
      cgroupVersion: rooms.cgroups.version,
      cgroupsPath: cgroupsPathOf(record.id, hostConfig.CgroupParent || options.cgroupParent),
      rootPath: '/',
      ...user,
      hostname: record.config.Hostname ?? '',
      networkNamespace: sandbox.namespacePath,
      ...sharedNamespaces(record, context),
      mounts: remap ? mappedMounts(mounts, [options.root, options.execRoot]) : mounts,
      remap,
      resources: toLinuxResources(hostConfig, deviceNumbers),
      devices: chosen.devices,
      deviceRules: chosen.rules,
      furtherMaskedPaths: thermalPaths,
      consoleSize,
      apparmorProfile: confinedBy(hostConfig),
    },
  );
  const { DeviceRequests: requests = [] } = hostConfig;
  const spec = requests.length > 0 ? await withRequestedDevices(asked, requests) : asked;
  const refused = refusedSpec(spec);
  if (refused) throw refusedLaunch(refused);
  return spec;
}

/** Each CPU's thermal counters tell neighbours what this machine does (moby GHSA-6fw5). */
const thermalPaths: readonly string[] = Array.from(
  { length: cpuCount },
  (_, number) => `/sys/devices/system/cpu/cpu${number}/thermal_throttle`,
).filter(path => existsSync(path));
