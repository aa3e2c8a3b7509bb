import type { HostConfig } from '../../contracts/docker/containers.ts';
import type { RestartPolicy } from '../../contracts/docker/host-config.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { DaemonConfig } from '../config/index.ts';
import { logDrivers, parseLogConfig } from '../logs/index.ts';
import { normalizeCapability } from './capabilities.ts';
import { defaultMaskedPaths, defaultReadonlyPaths, defaultShmBytes } from './default-spec.ts';
import { portMappings } from './network-request.ts';
import { checkNewResources, type MachineLimits } from './resource-checks.ts';
import { checkRuntimeName, defaultRuntimeName } from './runtime-names.ts';
import { parseSecurityOptions } from './security-options.ts';

/** Every default that Docker fills in, so that inspect shows what holds. */
export function completeHostConfig(
  host: HostConfig,
  options: { cgroupVersion: 1 | 2; defaults?: DaemonConfig },
): HostConfig {
  const privileged = host.Privileged ?? false;
  const { defaults = {} } = options;
  return {
    ...host,
    NetworkMode: !host.NetworkMode || host.NetworkMode === 'default' ? 'bridge' : host.NetworkMode,
    RestartPolicy: {
      Name: host.RestartPolicy?.Name || 'no',
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    LogConfig: completeLogConfig(host, defaults),
    ...ulimitsOf(host, defaults),
    ...(host.Init === undefined && defaults.init ? { Init: true } : {}),
    ...securityOf(host, defaults),
    ShmSize: host.ShmSize || defaults['default-shm-size'] || defaultShmBytes,
    IpcMode: host.IpcMode || defaults['default-ipc-mode'] || 'private',
    CgroupnsMode:
      host.CgroupnsMode ||
      cgroupNamespaceDefault(defaults) ||
      (options.cgroupVersion === 2 && !privileged ? 'private' : 'host'),
    Runtime: host.Runtime || defaultRuntimeName,
    PidsLimit: host.PidsLimit && host.PidsLimit > 0 ? host.PidsLimit : undefined,
    MemorySwap: swapOf(host),
    MaskedPaths: host.MaskedPaths ?? (privileged ? undefined : [...defaultMaskedPaths]),
    ReadonlyPaths: host.ReadonlyPaths ?? (privileged ? undefined : [...defaultReadonlyPaths]),
  };
}

/** A driver of its own takes none of the engine's options (moby mergeAndVerifyLogConfig). */
function completeLogConfig({ LogConfig: wanted }: HostConfig, defaults: DaemonConfig): HostConfig['LogConfig'] {
  const usual = defaults['log-driver'] ?? 'json-file';
  const Type = wanted?.Type || usual;
  const options = Type === usual ? defaults['log-opts'] : {};
  return { Type, Config: { ...options, ...wanted?.Config } };
}

function ulimitsOf({ Ulimits }: HostConfig, defaults: DaemonConfig): HostConfig {
  const usual = Object.entries(defaults['default-ulimits'] ?? {}).map(([Name, limit]) => ({ ...limit, Name }));
  if (usual.length === 0) return {};
  const named = new Set(Ulimits?.map(({ Name }) => Name));
  return { Ulimits: [...(Ulimits ?? []), ...usual.filter(({ Name }) => !named.has(Name))] };
}

function securityOf({ SecurityOpt, Privileged }: HostConfig, defaults: DaemonConfig): HostConfig {
  if (!defaults['no-new-privileges'] || Privileged) return {};
  const isSaid = SecurityOpt?.some(option => option.startsWith('no-new-privileges'));
  return isSaid ? {} : { SecurityOpt: [...(SecurityOpt ?? []), 'no-new-privileges'] };
}

const cgroupNamespaceDefault = (defaults: DaemonConfig): string | undefined => defaults['default-cgroupns-mode'];

/** With a memory limit alone, as much swap again (moby adaptContainerSettings). */
function swapOf(host: HostConfig): number | undefined {
  return host.Memory && !host.MemorySwap ? host.Memory * 2 : host.MemorySwap;
}

/** @throws invalid-argument in Docker's words */
export function checkRestartPolicy(policy: RestartPolicy): void {
  const { Name: name = '', MaximumRetryCount: retries = 0 } = policy;
  switch (name) {
    case 'always':
    case 'unless-stopped':
    case 'no':
      if (retries === 0) return;
      throw invalidArgument(
        `invalid restart policy: maximum retry count can only be used with 'on-failure'${retries < 0 ? ' and cannot be negative' : ''}`,
      );
    case 'on-failure':
      if (retries < 0) throw invalidArgument('invalid restart policy: maximum retry count cannot be negative');
      return;
    case '':
      if (retries === 0) return;
      throw invalidArgument("invalid restart policy: maximum retry count can only be used with 'on-failure'");
    default:
      throw invalidArgument(
        `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
      );
  }
}

/** All that can be said of a host config but for its limits, which are settled later. @throws in Docker's words */
export function checkHostConfig(host: HostConfig, machine: MachineLimits): void {
  checkIsolation(host);
  checkNewResources(host, machine);
  checkRestartPolicy(host.RestartPolicy ?? {});
  if (host.AutoRemove && host.RestartPolicy?.Name && host.RestartPolicy.Name !== 'no') {
    throw invalidArgument("can't create 'AutoRemove' container with restart policy");
  }
  checkNumbers(host);
  checkModes(host);
  for (const capability of host.CapAdd ?? []) normalizeCapability(capability, 'CapAdd');
  for (const capability of host.CapDrop ?? []) normalizeCapability(capability, 'CapDrop');
  parseSecurityOptions(host);
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry);
  portMappings(host);
  checkLogging(host);
  if (Object.hasOwn(host.Annotations ?? {}, '')) {
    throw invalidArgument('invalid Annotations: the empty string is not permitted as an annotation key');
  }
  checkNotYet(host);
}

function checkLogging({ LogConfig: wanted }: HostConfig): void {
  const type = wanted?.Type || 'json-file';
  if (!logDrivers.includes(type)) {
    throw invalidArgument(`error looking up logging plugin ${type}: plugin "${type}" not found`);
  }
  parseLogConfig(type, wanted?.Config);
}

function checkNumbers(host: HostConfig): void {
  const score = host.OomScoreAdj ?? 0;
  if (score < -1000 || score > 1000) {
    throw invalidArgument(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
  if ((host.ShmSize ?? 0) < 0) throw invalidArgument('SHM size can not be less than 0');
}

function checkIsolation({ Isolation = '' }: HostConfig): void {
  if (Isolation === '' || Isolation.toLowerCase() === 'default') return;
  throw invalidArgument(`invalid isolation (${Isolation}): linux only supports 'default'`);
}

const isContainer = (mode: string): boolean => mode.startsWith('container:') && mode.length > 'container:'.length;

function checkModes(host: HostConfig): void {
  const { PidMode = '', IpcMode = '', UTSMode = '', UsernsMode = '', CgroupnsMode = '', Runtime = '' } = host;
  if (PidMode !== '' && PidMode !== 'host' && !isContainer(PidMode))
    throw invalidArgument(`invalid PID mode: ${PidMode}`);
  if (!['', 'none', 'host', 'private', 'shareable'].includes(IpcMode) && !IpcMode.startsWith('container:')) {
    throw invalidArgument(`invalid IPC mode: ${IpcMode}`);
  }
  if (UTSMode !== '' && UTSMode !== 'host') throw invalidArgument(`invalid UTS mode: ${UTSMode}`);
  if (UsernsMode !== '' && UsernsMode !== 'host') throw invalidArgument(`invalid user namespace mode: ${UsernsMode}`);
  if (!['', 'host', 'private'].includes(CgroupnsMode)) {
    throw invalidArgument(`invalid cgroup namespace mode: ${CgroupnsMode}`);
  }
  checkRuntimeName(Runtime);
}

function checkExtraHost(entry: string): void {
  if (!/^[^:=]+[:=].+$/.test(entry)) throw invalidArgument(`bad format for add-host: "${entry}"`);
}

/** What is not there yet says so by name, instead of being dropped. */
function checkNotYet(host: HostConfig): void {
  const options = Object.keys(host.StorageOpt ?? {});
  const unknown = options.find(name => name.toLowerCase() !== 'size');
  if (unknown !== undefined) throw invalidArgument(`Unknown option ${unknown}`);
  if (options.length > 0) {
    throw invalidArgument("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
}
