import type { ContainerSummary } from './containers.ts';
import type { ImageSummary } from './images.ts';
import type { VolumeDocument } from './volumes.ts';

/** `GET /version`. */
export interface VersionDocument {
  Platform: { Name: string };
  Components: { Name: string; Version: string; Details?: Record<string, string> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  Experimental?: boolean;
  BuildTime: string;
}

export interface IndexInfo {
  Name: string;
  Mirrors: string[];
  Secure: boolean;
  Official: boolean;
}

/** `GET /info` (Docker 28.5). */
export interface SystemInfo {
  ID: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus: [string, string][];
  SystemStatus?: [string, string][];
  Plugins: { Volume: string[]; Network: string[]; Authorization: string[] | null; Log: string[] };
  MemoryLimit: boolean;
  SwapLimit: boolean;
  CpuCfsPeriod: boolean;
  CpuCfsQuota: boolean;
  CPUShares: boolean;
  CPUSet: boolean;
  PidsLimit: boolean;
  IPv4Forwarding: boolean;
  Debug: boolean;
  NFd: number;
  OomKillDisable: boolean;
  NGoroutines: number;
  SystemTime: string;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion?: string;
  NEventsListener: number;
  KernelVersion: string;
  OperatingSystem: string;
  OSVersion: string;
  OSType: string;
  Architecture: string;
  IndexServerAddress: string;
  RegistryConfig: {
    InsecureRegistryCIDRs: string[];
    IndexConfigs: Record<string, IndexInfo>;
    Mirrors: string[] | null;
  } | null;
  NCPU: number;
  MemTotal: number;
  GenericResources: null;
  DockerRootDir: string;
  HttpProxy: string;
  HttpsProxy: string;
  NoProxy: string;
  Name: string;
  Labels: string[];
  ExperimentalBuild: boolean;
  ServerVersion: string;
  Runtimes: Record<string, { path: string; runtimeArgs?: string[]; status?: Record<string, string> }>;
  DefaultRuntime: string;
  Swarm: {
    NodeID: string;
    NodeAddr: string;
    LocalNodeState: 'inactive';
    ControlAvailable: false;
    Error: string;
    RemoteManagers: null;
  };
  LiveRestoreEnabled: boolean;
  Isolation: string;
  InitBinary: string;
  ContainerdCommit: { ID: string };
  RuncCommit: { ID: string };
  InitCommit: { ID: string };
  SecurityOptions: string[];
  ProductLicense?: string;
  DefaultAddressPools?: { Base: string; Size: number }[];
  FirewallBackend?: { Driver: string; Info?: [string, string][] };
  CDISpecDirs: string[];
  DiscoveredDevices?: { Source: string; ID: string }[];
  Containerd?: { Address: string; Namespaces: { Containers: string; Plugins: string } };
  /** Ours, for `berth doctor`; Docker's clients pass over it. `ok`, or why containers cannot be started. */
  BerthKeeper?: string;
  Warnings: string[] | null;
}

export interface BuildCacheRecord {
  ID: string;
  Parents?: string[];
  Type: string;
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

export type DiskUsageType = 'container' | 'image' | 'volume' | 'build-cache';

/** What objects of a kind take, in bytes. `Items` only where they were asked for (API 1.52, `verbose`). */
export interface ObjectUsage {
  ActiveCount: number;
  TotalCount: number;
  Reclaimable: number;
  TotalSize: number;
  Items?: unknown[];
}

/** `GET /system/df`; a kind that was not asked for is absent. */
export interface DiskUsage {
  ImageUsage?: ObjectUsage;
  ContainerUsage?: ObjectUsage;
  VolumeUsage?: ObjectUsage;
  BuildCacheUsage?: ObjectUsage;
  LayersSize?: number;
  Images?: ImageSummary[] | null;
  Containers?: ContainerSummary[] | null;
  Volumes?: VolumeDocument[] | null;
  BuildCache?: BuildCacheRecord[] | null;
  BuilderSize?: number;
}

/** `POST /auth`. */
export interface AuthResponse {
  Status: string;
  IdentityToken: string;
}

export interface BuildPruneReport {
  CachesDeleted: string[] | null;
  SpaceReclaimed: number;
}
