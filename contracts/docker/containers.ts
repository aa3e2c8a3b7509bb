import { both, count, type Decoded, emptyObject, fields, flag, integer, list, map, text, words } from '../decode.ts';
import type { Labels, NameSet, PortMap } from './common.ts';
import { type HostConfig, hostConfig, type MountRequest, resources, restartPolicy } from './host-config.ts';
import type { ImageDescriptor } from './images.ts';
import { type EndpointSettings, endpointSettings } from './networks.ts';

/** `HEALTHCHECK`; durations in nanoseconds. */
export const healthConfig = fields(
  {
    Test: list(text),
    Interval: integer,
    Timeout: integer,
    StartPeriod: integer,
    StartInterval: integer,
    Retries: count,
  },
  'container.HealthConfig',
);
export type HealthConfig = Decoded<typeof healthConfig>;

/** What a container runs, whatever the host (an image carries the same document). */
export const containerConfig = fields({
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: map(emptyObject, {}),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: list(text),
  Cmd: words,
  Healthcheck: healthConfig,
  ArgsEscaped: flag,
  Image: text,
  Volumes: map(emptyObject, {}),
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: list(text),
  Labels: map(text),
  StopSignal: text,
  StopTimeout: count,
  Shell: words,
});
export type ContainerConfig = Decoded<typeof containerConfig>;

/** Which networks a new container joins, by name or id. */
export const networkingConfig = fields({ EndpointsConfig: map(endpointSettings, {}) }, 'network.NetworkingConfig');
export type NetworkingConfig = Decoded<typeof networkingConfig>;

/** `POST /containers/create`: the config itself, with the host's part beside it. */
export const containerCreateBody = both(
  containerConfig,
  fields({ HostConfig: hostConfig, NetworkingConfig: networkingConfig }),
  'container.CreateRequest',
);
export type ContainerCreateBody = Decoded<typeof containerCreateBody>;

export interface ContainerCreateResponse {
  Id: string;
  Warnings: string[];
}

/** `POST /containers/{ref}/update`. */
export const containerUpdateBody = both(
  resources,
  fields({ RestartPolicy: restartPolicy }),
  'container.UpdateConfig',
  'UpdateConfig',
);
export type ContainerUpdateBody = Decoded<typeof containerUpdateBody>;

export interface ContainerUpdated {
  Warnings: string[] | null;
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
export type HealthStatus = 'none' | 'starting' | 'healthy' | 'unhealthy';

export interface HealthDocument {
  Status: HealthStatus;
  FailingStreak: number;
  Log: { Start: string; End: string; ExitCode: number; Output: string }[] | null;
}

/** The part of an inspection that changes while the container lives. Times are RFC 3339 with nanoseconds. */
export interface ContainerStateDocument {
  Status: ContainerStatus;
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  OOMKilled: boolean;
  Dead: boolean;
  Pid: number;
  ExitCode: number;
  Error: string;
  StartedAt: string;
  FinishedAt: string;
  Health?: HealthDocument;
}

/** A mount of a container as inspect and list show it. */
export interface MountPoint {
  Type: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image';
  Name?: string;
  Source: string;
  Destination: string;
  Driver?: string;
  Mode: string;
  RW: boolean;
  Propagation: string;
}

/** An endpoint of a running container as inspect and list show it. */
export type EndpointDocument = {
  [Key in 'IPAMConfig' | 'Links' | 'Aliases' | 'DriverOpts' | 'DNSNames']: EndpointSettings[Key] | null;
} & Required<Omit<EndpointSettings, 'IPAMConfig' | 'Links' | 'Aliases' | 'DriverOpts' | 'DNSNames'>>;

/** Addresses of a running container. The flat fields below `Networks` are those of the default bridge (gone in API 1.52). */
export interface NetworkSettings {
  Bridge: string;
  SandboxID: string;
  SandboxKey: string;
  /** A port that is exposed and not published has null. */
  Ports: Record<string, PortMap[string] | null>;
  HairpinMode: boolean;
  LinkLocalIPv6Address: string;
  LinkLocalIPv6PrefixLen: number;
  SecondaryIPAddresses: null;
  SecondaryIPv6Addresses: null;
  EndpointID: string;
  Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  MacAddress: string;
  Networks: Record<string, EndpointDocument>;
}

/** Where the layers of a container or an image are on disk. */
export interface GraphDriverDocument {
  Name: string;
  Data: Record<string, string> | null;
}

/** A container's config as inspect shows it: some fields are always there. */
export type ContainerConfigDocument = Omit<ContainerConfig, 'Cmd' | 'Entrypoint' | 'Env' | 'Volumes' | 'OnBuild'> & {
  Env: string[] | null;
  Cmd: string[] | null;
  Entrypoint: string[] | null;
  Volumes: NameSet | null;
  OnBuild: string[] | null;
  Labels: Labels;
};

/** A host config as inspect shows it: absent lists are null there. */
export type HostConfigDocument = { [Key in keyof HostConfig]: HostConfig[Key] | null };

/** `GET /containers/{ref}/json`. */
export interface ContainerInspect {
  Id: string;
  Created: string;
  Path: string;
  Args: string[];
  State: ContainerStateDocument;
  Image: string;
  ResolvConfPath: string;
  HostnamePath: string;
  HostsPath: string;
  LogPath: string;
  Name: string;
  RestartCount: number;
  Driver: string;
  Platform: string;
  MountLabel: string;
  ProcessLabel: string;
  AppArmorProfile: string;
  ExecIDs: string[] | null;
  HostConfig: HostConfigDocument;
  GraphDriver: GraphDriverDocument;
  SizeRw?: number;
  SizeRootFs?: number;
  Mounts: MountPoint[];
  Config: ContainerConfigDocument;
  NetworkSettings: NetworkSettings;
  ImageManifestDescriptor?: ImageDescriptor;
}

export interface PortSummary {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

/** One entry of `GET /containers/json`; `Created` in seconds. */
export interface ContainerSummary {
  Id: string;
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  Created: number;
  Ports: PortSummary[];
  SizeRw?: number;
  SizeRootFs?: number;
  Labels: Labels;
  State: ContainerStatus;
  Status: string;
  HostConfig: { NetworkMode: string; Annotations?: Record<string, string> };
  NetworkSettings: { Networks: Record<string, EndpointDocument> };
  Mounts: MountPoint[];
  ImageManifestDescriptor?: ImageDescriptor;
}

export interface ContainerWaitResponse {
  StatusCode: number;
  Error?: { Message: string };
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

/** `GET /containers/{ref}/top`. */
export interface ContainerTop {
  Titles: string[];
  Processes: string[][];
}

/** One line of `docker diff`: 0 changed, 1 added, 2 deleted. */
export interface ContainerChange {
  Path: string;
  Kind: 0 | 1 | 2;
}

/** `X-Docker-Container-Path-Stat` (base64 of this as JSON); `mode` has the bits of Go's os.FileMode. */
export interface ContainerPathStat {
  name: string;
  size: number;
  mode: number;
  mtime: string;
  linkTarget: string;
}

export interface ContainerPruneReport {
  ContainersDeleted: string[] | null;
  SpaceReclaimed: number;
}

export type { HostConfig, MountRequest };
