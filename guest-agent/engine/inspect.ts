import { join } from 'node:path';
import { own } from '../../base/own.ts';
import type {
  ContainerConfigDocument,
  ContainerInspect,
  ContainerStateDocument,
  EndpointDocument,
  HostConfig,
  HostConfigDocument,
  NetworkSettings,
} from '../../contracts/docker/containers.ts';
import type { EndpointSettings } from '../../contracts/docker/networks.ts';
import type { Endpoint } from '../networks/index.ts';
import { commandOf } from './config.ts';
import { appArmorProfileOf } from './confinement.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
import { type ContainerState, isAlive, type Status } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { linkTexts } from './links.ts';
import { mountPoints } from './mounts.ts';
import { parseSecurityOptions } from './security-options.ts';

/** Go's zero time. */
export const zeroTime = '0001-01-01T00:00:00Z';

/** `GET /containers/{ref}/json`. */
export async function toInspect(
  container: ContainerActor,
  context: EngineContext,
  options: { size: boolean },
): Promise<ContainerInspect> {
  const { record, live } = container;
  const directory = context.records.directory(record.id);
  const [path = '', ...args] = commandOf(record.config);
  const file = (name: string): string => (record.sandbox ? join(directory, name) : '');
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: path,
    Args: args,
    State: {
      ...stateDocument(record.state, container.status),
      ...(record.health ? { Health: record.health } : {}),
    },
    Image: record.image.id,
    ResolvConfPath: file('resolv.conf'),
    HostnamePath: file('hostname'),
    HostsPath: file('hosts'),
    LogPath: record.hostConfig.LogConfig?.Type === 'json-file' ? join(directory, `${record.id}-json.log`) : '',
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: context.rooms.snapshots.driver,
    Platform: record.image.os,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: shownAppArmorProfile(record),
    ExecIDs: container.execIds.size > 0 ? [...container.execIds] : null,
    HostConfig: hostConfigDocument({ ...record.hostConfig, Links: linkTexts(record, context) }),
    GraphDriver: graphDriver(record, context),
    ...(options.size ? await sizesOf(record, context) : {}),
    Mounts: mountPoints(record),
    Config: configDocument(record),
    NetworkSettings: networkSettings(record, live !== undefined),
  };
}

/** Before the first start what was asked for, as dockerd shows it. */
const shownAppArmorProfile = ({ hostConfig, state }: ContainerRecord): string =>
  state.status === 'created' ? parseSecurityOptions(hostConfig).appArmorProfile : (appArmorProfileOf(hostConfig) ?? '');

/** Bytes of the writable layer, and of it with the image. */
export async function sizesOf(
  record: ContainerRecord,
  { rooms }: EngineContext,
): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const own = await rooms.snapshots.size(record.id);
  return { SizeRw: own, SizeRootFs: own + (rooms.images.find(record.image.id)?.size ?? 0) };
}

export function stateDocument(state: ContainerState, status: Status): ContainerStateDocument {
  const alive = isAlive(state);
  const over = 'finishedAt' in state ? state : undefined;
  const failure = 'failure' in state ? state.failure : undefined;
  return {
    Status: status,
    Running: alive || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: over?.oomKilled ?? false,
    Dead: state.status === 'dead',
    Pid: alive ? state.pid : 0,
    ExitCode: failure?.exitCode ?? over?.exitCode ?? 0,
    Error: failure?.error ?? over?.error ?? '',
    StartedAt: alive ? state.startedAt : (over?.startedAt ?? zeroTime),
    FinishedAt: over?.finishedAt ?? zeroTime,
  };
}

function graphDriver(record: ContainerRecord, { rooms }: EngineContext): ContainerInspect['GraphDriver'] {
  const rootfs = rooms.snapshots.rootfs(record.id);
  const { directory, lowerdirs, upperdir, workdir } = rootfs;
  if (directory === upperdir) return { Name: rooms.snapshots.driver === 'btrfs' ? 'btrfs' : 'vfs', Data: null };
  const data = { LowerDir: lowerdirs.join(':'), UpperDir: upperdir, WorkDir: workdir };
  if (directory !== undefined) return { Name: 'fuse-overlayfs', Data: { ...data, MergedDir: directory } };
  return { Name: 'overlay2', Data: { ID: record.id, ...data } };
}

/** The address that its user wants; what the network has chosen is no part of its configuration. */
function wantedMacAddress({ config, hostConfig, networkingConfig }: ContainerRecord): string {
  const asked = networkingConfig.EndpointsConfig?.[hostConfig.NetworkMode || 'bridge'];
  return config.MacAddress || asked?.MacAddress || '';
}

function configDocument(record: ContainerRecord): ContainerConfigDocument {
  const { config } = record;
  const { Healthcheck, StopSignal, StopTimeout, Shell, ExposedPorts, NetworkDisabled } = config;
  const MacAddress = wantedMacAddress(record);
  return {
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    ...(ExposedPorts && Object.keys(ExposedPorts).length > 0 ? { ExposedPorts } : {}),
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    ...(Healthcheck ? { Healthcheck } : {}),
    Image: config.Image ?? '',
    Volumes: config.Volumes && Object.keys(config.Volumes).length > 0 ? config.Volumes : null,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    ...(NetworkDisabled ? { NetworkDisabled } : {}),
    ...(MacAddress ? { MacAddress } : {}),
    OnBuild: null,
    Labels: config.Labels ?? {},
    ...(StopSignal ? { StopSignal } : {}),
    ...(StopTimeout === undefined ? {} : { StopTimeout }),
    ...(Shell?.length ? { Shell } : {}),
  };
}

/** Docker's defaults of what nobody set, in Docker's order. */
const emptyHostConfig: HostConfigDocument = {
  Binds: null,
  ContainerIDFile: '',
  LogConfig: { Type: 'json-file', Config: {} },
  NetworkMode: 'bridge',
  PortBindings: null,
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: 'host',
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: 'private',
  Cgroup: '',
  Links: null,
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: '',
  UsernsMode: '',
  ShmSize: 0,
  Runtime: '',
  Isolation: '',
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: null,
  ReadonlyPaths: null,
};

export const hostConfigDocument = (host: HostConfig): HostConfigDocument => ({
  ...emptyHostConfig,
  ...Object.fromEntries(Object.entries(host).filter(([, value]) => value !== undefined)),
});

/** The network as of the last start; addresses only while it runs. */
export function networkSettings(record: ContainerRecord, running: boolean): NetworkSettings {
  const networks = networkDocuments(record, running);
  const bridge = networks.bridge;
  return {
    Bridge: '',
    SandboxID: running ? record.id : '',
    SandboxKey: '',
    Ports: running ? (record.ports ?? {}) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? '',
    Gateway: bridge?.Gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: bridge?.IPAddress ?? '',
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: '',
    MacAddress: bridge?.MacAddress ?? '',
    Networks: networks,
  };
}

/** By name: what it is connected to, or will be at its start. */
export function networkDocuments(record: ContainerRecord, running: boolean): Record<string, EndpointDocument> {
  const mode = record.hostConfig.NetworkMode || 'bridge';
  if (mode.startsWith('container:')) return {};
  const { EndpointsConfig: asked = { [mode]: {} } } = record.networkingConfig;
  if (Object.keys(asked).length === 0) return {}; // it has left them all
  const held = running ? (record.sandbox?.endpoints ?? []) : [];
  const names = new Set([...held.map(endpoint => endpoint.networkName), ...Object.keys(asked)]);
  const entries = [...names].map(name => {
    const endpoint = held.find(candidate => candidate.networkName === name);
    const last = record.sandbox?.endpoints.find(candidate => candidate.networkName === name);
    return [name, endpointDocument(own(asked, name), endpoint, last)] as const;
  });
  return Object.fromEntries(entries);
}

/** `held`: what it has now; `last`: what it had when it ran. */
function endpointDocument(
  asked: EndpointSettings | undefined,
  held: Endpoint | undefined,
  last: Endpoint | undefined,
): EndpointDocument {
  return {
    IPAMConfig: asked?.IPAMConfig ?? null,
    Links: asked?.Links ?? null,
    Aliases: asked?.Aliases ?? null,
    MacAddress: held?.macAddress ?? asked?.MacAddress ?? '',
    DriverOpts: asked?.DriverOpts ?? null,
    GwPriority: asked?.GwPriority ?? 0,
    NetworkID: last?.networkId ?? '',
    EndpointID: held?.endpointId ?? '',
    Gateway: held?.gateway ?? '',
    IPAddress: held?.ipAddress ?? '',
    IPPrefixLen: held?.prefixLength ?? 0,
    IPv6Gateway: held?.ipv6Gateway ?? '',
    GlobalIPv6Address: held?.ipv6Address ?? '',
    GlobalIPv6PrefixLen: held?.ipv6PrefixLength ?? 0,
    DNSNames: last?.dnsNames ?? null,
  };
}
