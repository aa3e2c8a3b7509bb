/**
 * The OCI runtime specification's document (config.md and config-linux.md, version 1.2), as far as Berth speaks it.
 * Names and units are the specification's own: bytes, microseconds, `rwm`.
 */
export interface RuntimeSpec {
  ociVersion: string;
  process: RuntimeProcess;
  /** `path` is where the keeper's child mounts the root inside its own mount namespace; nothing outside sees it. */
  root: { path: string; readonly?: boolean };
  hostname?: string;
  domainname?: string;
  mounts: RuntimeMount[];
  linux: RuntimeLinux;
  annotations?: Record<string, string>;
  hooks?: RuntimeHooks;
}

/** Programs of the host that take part in a container's life; the state document is their standard input. */
export type RuntimeHooks = { [Name in HookName]?: RuntimeHook[] };

export type HookName = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer' | 'poststart' | 'poststop';

export interface RuntimeHook {
  /** Absolute. */
  path: string;
  /** With the program's name as the first, as for execve(2). */
  args?: string[];
  env?: string[];
  /** Seconds. */
  timeout?: number;
}

export interface RuntimeProcess {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  /** Numeric; names are resolved before the spec is written. */
  user: { uid: number; gid: number; additionalGids?: number[]; umask?: number };
  /** At least one; the first is looked up in the `PATH` of `env` when it has no slash. */
  args: string[];
  env: string[];
  /** Absolute, inside the root; made when it is missing. */
  cwd: string;
  /** Names with their prefix: `CAP_CHOWN`. A set that is left out is empty. */
  capabilities?: RuntimeCapabilities;
  rlimits?: { type: string; soft: number; hard: number }[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
  selinuxLabel?: string;
}

export interface RuntimeCapabilities {
  bounding?: string[];
  effective?: string[];
  permitted?: string[];
  inheritable?: string[];
  ambient?: string[];
}

/** `options` as mount(8) writes them: `ro`, `nosuid`, `rbind`, `rprivate`, `mode=755`. */
export interface RuntimeMount {
  destination: string;
  type?: string;
  source?: string;
  /** Ours: below `source`, and not to be left by links that lead elsewhere. */
  subpath?: string;
  /** Ours: these in place of `source`, as one tree, the top one first; `source` is one of them. */
  layers?: string[];
  /** Ours: the mount namespace, as a path of the host, in which `source` stands. */
  mountNamespace?: string;
  options?: string[];
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time';

export interface RuntimeNamespace {
  type: NamespaceType;
  /** Join this one instead of making a new one. */
  path?: string;
}

export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface RuntimeDevice {
  /** `c` character, `b` block, `u` unbuffered character, `p` FIFO. */
  type: 'c' | 'b' | 'u' | 'p';
  path: string;
  major?: number;
  minor?: number;
  /** Permission bits, as a number. */
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface RuntimeLinux {
  /** A namespace that is not listed is the host's. */
  namespaces: RuntimeNamespace[];
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  devices?: RuntimeDevice[];
  /** Absolute in the hierarchy: `/berth/<id>`. */
  cgroupsPath?: string;
  resources?: LinuxResources;
  rootfsPropagation?: 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared' | 'unbindable';
  seccomp?: SeccompProfile;
  sysctl?: Record<string, string>;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  mountLabel?: string;
  /** By clock: `monotonic`, `boottime`. */
  timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>;
}

/** config-linux.md#control-groups. Absent means untouched. */
export interface LinuxResources {
  devices?: DeviceRule[];
  memory?: {
    /** Bytes; -1 is unlimited. */
    limit?: number;
    reservation?: number;
    /** Memory and swap together. */
    swap?: number;
    kernel?: number;
    kernelTCP?: number;
    swappiness?: number;
    disableOOMKiller?: boolean;
    useHierarchy?: boolean;
  };
  cpu?: {
    shares?: number;
    /** Microseconds of each `period`. */
    quota?: number;
    burst?: number;
    period?: number;
    realtimeRuntime?: number;
    realtimePeriod?: number;
    cpus?: string;
    mems?: string;
    idle?: number;
  };
  pids?: { limit: number };
  blockIO?: {
    weight?: number;
    leafWeight?: number;
    weightDevice?: { major: number; minor: number; weight?: number; leafWeight?: number }[];
    throttleReadBpsDevice?: ThrottleDevice[];
    throttleWriteBpsDevice?: ThrottleDevice[];
    throttleReadIOPSDevice?: ThrottleDevice[];
    throttleWriteIOPSDevice?: ThrottleDevice[];
  };
  hugepageLimits?: { pageSize: string; limit: number }[];
  /** cgroup v1 only: marks for the packets of the container. */
  network?: { classID?: number; priorities?: { name: string; priority: number }[] };
  /** By device. */
  rdma?: Record<string, { hcaHandles?: number; hcaObjects?: number }>;
  /** cgroup v2 files, written as they are. */
  unified?: Record<string, string>;
}

export interface ThrottleDevice {
  major: number;
  minor: number;
  rate: number;
}

/** One line of the devices controller; a missing number or type stands for all. */
export interface DeviceRule {
  allow: boolean;
  type?: 'a' | 'c' | 'b';
  major?: number;
  minor?: number;
  /** Letters of `rwm`. */
  access?: string;
}

/** config-linux.md#seccomp. */
export interface SeccompProfile {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  syscalls?: SeccompRule[];
}

export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_NOTIFY';

export interface SeccompRule {
  names: string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: SeccompArgument[];
}

export interface SeccompArgument {
  index: number;
  value: number;
  valueTwo?: number;
  op:
    | 'SCMP_CMP_NE'
    | 'SCMP_CMP_LT'
    | 'SCMP_CMP_LE'
    | 'SCMP_CMP_EQ'
    | 'SCMP_CMP_GE'
    | 'SCMP_CMP_GT'
    | 'SCMP_CMP_MASKED_EQ';
}
