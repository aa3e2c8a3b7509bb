import { posix } from 'node:path';
import type { ContainerId } from '../../contracts/brand.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import type {
  DeviceRule,
  LinuxResources,
  RuntimeDevice,
  RuntimeMount,
  RuntimeNamespace,
  RuntimeProcess,
  RuntimeSpec,
} from '../../contracts/oci/runtime-spec.ts';
import type { UserRemap } from '../runtime/index.ts';
import { allCapabilities, chosenCapabilities } from './capabilities.ts';
import { commandOf, environmentOf, withVariables } from './config.ts';
import type { ContainerRecord } from './container-record.ts';
import { defaultDeviceRules, defaultMounts, defaultShmBytes, everyDevice } from './default-spec.ts';
import { hasInit, initPath } from './init.ts';
import { parseSecurityOptions } from './security-options.ts';
import type { SharedShm } from './shared-namespaces.ts';
import type { ResolvedUser } from './user.ts';

/** All that the specification depends on besides the record: looked up beforehand, so that this stays pure. */
export interface SpecFacts {
  cgroupVersion: 1 | 2;
  cgroupsPath: string;
  /** Where the child mounts the root, in its own namespace. */
  rootPath: string;
  user: ResolvedUser;
  /** Further groups of `--group-add`, as numbers. */
  additionalGids: readonly number[];
  hostname: string;
  /** Absent: the host's own network. */
  networkNamespace?: string;
  /** The container or network whose namespaces are shared by path. */
  ipcNamespace?: string;
  pidNamespace?: string;
  /** hosts, resolv.conf, hostname and what binds, volumes and tmpfs ask for. */
  mounts: readonly RuntimeMount[];
  shm?: SharedShm;
  hostMqueue: boolean;
  resources: LinuxResources;
  /** `--device`, or all of the host's for a privileged container. */
  devices: readonly RuntimeDevice[];
  deviceRules: readonly DeviceRule[];
  /** Files such as /sys/devices/system/cpu/cpu0/thermal_throttle. */
  furtherMaskedPaths: readonly string[];
  consoleSize?: { rows: number; columns: number };
  /** A user namespace, shared with the container whose others are shared. */
  remap?: UserRemap;
  /** Where the kernel has AppArmor. */
  apparmorProfile?: string;
}

/** A container's record as the OCI runtime specification says it. */
export function toRuntimeSpec(record: ContainerRecord, facts: SpecFacts): RuntimeSpec {
  const host = record.hostConfig;
  const { Domainname } = record.config;
  return {
    ociVersion: '1.2.1',
    process: processOf(record, facts),
    root: { path: facts.rootPath, readonly: host.ReadonlyRootfs ?? false },
    ...(host.UTSMode === 'host' ? {} : { hostname: facts.hostname, domainname: Domainname || undefined }),
    mounts: mountsOf(host, facts),
    linux: {
      namespaces: namespacesOf(host, facts),
      ...facts.remap,
      cgroupsPath: facts.cgroupsPath,
      resources: { devices: deviceRulesOf(host, facts), ...facts.resources },
      devices: [...facts.devices],
      // What a network namespace needs it has from its birth. The host's own name of a domain is refused by the runtime.
      sysctl: {
        ...host.Sysctls,
        ...(host.UTSMode === 'host' && Domainname ? { 'kernel.domainname': Domainname } : {}),
      },
      ...hiddenPaths(host, facts),
      rootfsPropagation: rootPropagation(record),
    },
    ...(host.Annotations ? { annotations: host.Annotations } : {}),
  };
}

function processOf({ config, hostConfig }: ContainerRecord, facts: SpecFacts): RuntimeProcess {
  const { consoleSize } = facts;
  const capabilities = capabilitySets(
    chosenCapabilities({
      add: hostConfig.CapAdd ?? [],
      drop: hostConfig.CapDrop ?? [],
      privileged: hostConfig.Privileged ?? false,
    }),
    facts.user.uid,
  );
  return {
    terminal: config.Tty ?? false,
    ...(consoleSize && config.Tty ? { consoleSize: { height: consoleSize.rows, width: consoleSize.columns } } : {}),
    user: {
      uid: facts.user.uid,
      gid: facts.user.gid,
      additionalGids: [...new Set([facts.user.gid, ...facts.user.additionalGids, ...facts.additionalGids])],
    },
    args: hasInit(hostConfig) ? [initPath, '--', ...commandOf(config)] : commandOf(config),
    env: withHome(environmentOf(config, facts.hostname), facts.user.home),
    cwd: posix.join(config.WorkingDir || '/'),
    capabilities,
    rlimits: (hostConfig.Ulimits ?? []).map(limit => ({
      type: `RLIMIT_${(limit.Name ?? '').toUpperCase()}`,
      soft: limit.Soft ?? 0,
      hard: limit.Hard ?? 0,
    })),
    noNewPrivileges: parseSecurityOptions(hostConfig).noNewPrivileges,
    ...(facts.apparmorProfile ? { apparmorProfile: facts.apparmorProfile } : {}),
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
  };
}

/** The runtime adds HOME when nobody set it (runc's finalizeNamespace does the same). */
export const withHome = (env: string[], home: string): string[] =>
  env.some(variable => variable.startsWith('HOME=')) ? env : withVariables(env, [`HOME=${home}`]);

/** Another user than root starts without effective capabilities; nothing is inheritable (CVE-2022-29162). */
export function capabilitySets(chosen: readonly string[], uid: number): RuntimeProcess['capabilities'] {
  const effective = uid === 0 ? [...chosen] : [];
  return { bounding: [...chosen], permitted: effective, effective, inheritable: [], ambient: [] };
}

/** `docker exec --privileged`. */
export const privilegedCapabilities = (uid: number): RuntimeProcess['capabilities'] =>
  capabilitySets(allCapabilities, uid);

function namespacesOf(host: HostConfig, facts: SpecFacts): RuntimeNamespace[] {
  const namespaces: RuntimeNamespace[] = [{ type: 'mount' }];
  if (facts.networkNamespace) namespaces.push({ type: 'network', path: facts.networkNamespace });
  if (host.UTSMode !== 'host') namespaces.push({ type: 'uts' });
  if (host.PidMode !== 'host')
    namespaces.push({ type: 'pid', ...(facts.pidNamespace && { path: facts.pidNamespace }) });
  if (host.IpcMode !== 'host')
    namespaces.push({ type: 'ipc', ...(facts.ipcNamespace && { path: facts.ipcNamespace }) });
  if (host.CgroupnsMode !== 'host') namespaces.push({ type: 'cgroup' });
  if (facts.remap) namespaces.push(userNamespaceOf(facts));
  return namespaces;
}

/** What two containers share must belong to one user namespace. */
function userNamespaceOf({ ipcNamespace, pidNamespace }: SpecFacts): RuntimeNamespace {
  const path = (ipcNamespace ?? pidNamespace)?.replace(/[^/]+$/, 'user');
  return { type: 'user', ...(path ? { path } : {}) };
}

/** Defaults that the user mounts over give way; parents come before what is inside them. */
function mountsOf(host: HostConfig, facts: SpecFacts): RuntimeMount[] {
  const privileged = host.Privileged ?? false;
  const taken = new Set(facts.mounts.map(mount => mount.destination));
  const defaults = defaultMounts({ privileged, shm: shmMount(host, facts), mqueue: host.IpcMode !== 'host' });
  if (facts.hostMqueue) {
    defaults.push({
      destination: '/dev/mqueue',
      type: 'bind',
      source: '/dev/mqueue',
      options: ['rbind', 'nosuid', 'noexec', 'nodev'],
    });
  }
  const kept = defaults.filter(mount => !taken.has(mount.destination));
  return [...kept, ...facts.mounts].map(mount => readonlyCgroup(mount, host));
}

function readonlyCgroup(mount: RuntimeMount, host: HostConfig): RuntimeMount {
  if (mount.type !== 'cgroup' || !parseSecurityOptions(host).writableCgroups) return mount;
  return { ...mount, options: (mount.options ?? []).map(option => (option === 'ro' ? 'rw' : option)) };
}

function shmMount(host: HostConfig, facts: SpecFacts): RuntimeMount | undefined {
  const mode = host.IpcMode ?? 'private';
  if (mode === 'none') return undefined;
  if (facts.shm)
    return { destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind', 'rprivate'], ...facts.shm };
  const size = host.ShmSize || defaultShmBytes;
  return {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${size}`],
  };
}

function deviceRulesOf(host: HostConfig, facts: SpecFacts): DeviceRule[] {
  if (host.Privileged) return [...everyDevice];
  return [...defaultDeviceRules, ...facts.deviceRules];
}

function hiddenPaths(host: HostConfig, facts: SpecFacts): { maskedPaths: string[]; readonlyPaths: string[] } {
  if (host.Privileged) return { maskedPaths: [], readonlyPaths: [] };
  const masked = host.MaskedPaths ?? [];
  return {
    maskedPaths: masked.length > 0 ? [...masked, ...facts.furtherMaskedPaths] : [],
    readonlyPaths: [...(host.ReadonlyPaths ?? [])],
  };
}

function rootPropagation(record: ContainerRecord): 'rprivate' | 'rslave' | 'rshared' {
  const wanted = record.mounts.map(mount => mount.propagation);
  if (wanted.some(mode => mode === 'shared' || mode === 'rshared')) return 'rshared';
  return wanted.some(mode => mode === 'slave' || mode === 'rslave') ? 'rslave' : 'rprivate';
}

/** Our place in each hierarchy. */
export const cgroupsPathOf = (id: ContainerId, parent: string): string => posix.join('/', parent, id);
