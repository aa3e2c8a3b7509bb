import { both, count, type Decoded, emptyObject, fields, flag, integer, list, map, text } from '../decode.ts';
import { portMap } from './common.ts';

const weightDevice = fields({ Path: text, Weight: integer }, 'blkiodev.WeightDevice');
const throttleDevice = fields({ Path: text, Rate: integer }, 'blkiodev.ThrottleDevice');

/** `--device`: a device of the host and its name inside; permissions of `rwm`. */
export const deviceMapping = fields(
  { PathOnHost: text, PathInContainer: text, CgroupPermissions: text },
  'container.DeviceMapping',
);
export type DeviceMapping = Decoded<typeof deviceMapping>;

/** `--gpus` and `--device cdi.example/x=y`. */
export const deviceRequest = fields(
  {
    Driver: text,
    Count: integer,
    DeviceIDs: list(text),
    Capabilities: list(list(text)),
    Options: map(text),
  },
  'container.DeviceRequest',
);
export type DeviceRequest = Decoded<typeof deviceRequest>;

const ulimit = fields({ Name: text, Hard: integer, Soft: integer }, 'container.Ulimit');
export type Ulimit = Decoded<typeof ulimit>;

/** Limits that `docker update` may change as well. Bytes, microseconds, or 10⁻⁹ CPUs; 0 and absent are one. */
export const resources = fields({
  CpuShares: integer,
  Memory: integer,
  NanoCpus: integer,
  CgroupParent: text,
  BlkioWeight: integer,
  BlkioWeightDevice: list(weightDevice),
  BlkioDeviceReadBps: list(throttleDevice),
  BlkioDeviceWriteBps: list(throttleDevice),
  BlkioDeviceReadIOps: list(throttleDevice),
  BlkioDeviceWriteIOps: list(throttleDevice),
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: list(deviceMapping),
  DeviceCgroupRules: list(text),
  DeviceRequests: list(deviceRequest),
  KernelMemory: integer,
  KernelMemoryTCP: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: integer,
  OomKillDisable: flag,
  PidsLimit: integer,
  Ulimits: list(ulimit),
  CpuCount: integer,
  CpuPercent: integer,
  IOMaximumIOps: integer,
  IOMaximumBandwidth: integer,
});
export type Resources = Decoded<typeof resources>;

/** `--restart`: no, always, unless-stopped or on-failure. */
export const restartPolicy = fields({ Name: text, MaximumRetryCount: count }, 'container.RestartPolicy');
export type RestartPolicy = Decoded<typeof restartPolicy>;

/** `--log-driver` and `--log-opt`. */
export const logConfigDocument = fields({ Type: text, Config: map(text) }, 'container.LogConfig');
export type LogConfigDocument = Decoded<typeof logConfigDocument>;

/** `--mount`. */
export const mountRequest = fields(
  {
    Type: text,
    Source: text,
    Target: text,
    ReadOnly: flag,
    Consistency: text,
    BindOptions: fields({
      Propagation: text,
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
    }),
    VolumeOptions: fields({
      NoCopy: flag,
      Labels: map(text),
      Subpath: text,
      DriverConfig: fields({ Name: text, Options: map(text) }),
    }),
    ImageOptions: fields({ Subpath: text }),
    TmpfsOptions: fields({ SizeBytes: integer, Mode: integer, Options: list(list(text)) }),
    ClusterOptions: emptyObject,
  },
  'mount.Mount',
);
export type MountRequest = Decoded<typeof mountRequest>;

/** Everything about a container that depends on the host it runs on (Docker 28.5). */
export const hostConfig = both(
  resources,
  fields({
    Binds: list(text),
    ContainerIDFile: text,
    LogConfig: logConfigDocument,
    NetworkMode: text,
    PortBindings: portMap,
    RestartPolicy: restartPolicy,
    AutoRemove: flag,
    VolumeDriver: text,
    VolumesFrom: list(text),
    ConsoleSize: list(integer),
    Annotations: map(text),
    CapAdd: list(text),
    CapDrop: list(text),
    CgroupnsMode: text,
    Dns: list(text),
    DnsOptions: list(text),
    DnsSearch: list(text),
    ExtraHosts: list(text),
    GroupAdd: list(text),
    IpcMode: text,
    Cgroup: text,
    Links: list(text),
    OomScoreAdj: integer,
    PidMode: text,
    Privileged: flag,
    PublishAllPorts: flag,
    ReadonlyRootfs: flag,
    SecurityOpt: list(text),
    StorageOpt: map(text),
    Tmpfs: map(text),
    UTSMode: text,
    UsernsMode: text,
    ShmSize: integer,
    Sysctls: map(text),
    Runtime: text,
    Isolation: text,
    Mounts: list(mountRequest),
    MaskedPaths: list(text),
    ReadonlyPaths: list(text),
    Init: flag,
  }),
  'container.HostConfig',
);
export type HostConfig = Decoded<typeof hostConfig>;
