import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { arch, hostname, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { readJsonFile, writeJsonFileSync } from '../../base/json-file.ts';
import type { AuthConfig } from '../../contracts/docker/common.ts';
import type {
  AuthResponse,
  BuildCacheRecord,
  DiskUsage,
  SystemInfo,
  VersionDocument,
} from '../../contracts/docker/system.ts';
import type { DaemonSettings } from '../config/index.ts';
import { logDrivers } from '../logs/index.ts';
import { appArmorEnabled, type Runtime } from '../runtime/index.ts';
import type { StorageDriver } from '../snapshots/index.ts';
import { cdiFolders } from './cdi-spec.ts';
import type { EngineContext } from './context.ts';
import { cpuCount } from './cpu-count.ts';
import type { SystemService } from './engine.ts';
import type { ImageService } from './image-service.ts';
import { sizesOf } from './inspect.ts';
import { maskedAddress } from './masked-address.ts';
import { defaultRuntimeName, runtimeNames } from './runtime-names.ts';
import { newestFirst, toSummary } from './summary.ts';
import { summariesOf } from './usage.ts';
import type { VolumeService } from './volume-service.ts';

const machineArch = (): string => (arch() === 'arm64' ? 'arm64' : 'amd64');
const unameArch = (): string => (arch() === 'arm64' ? 'aarch64' : 'x86_64');

/** `docker info`, `version`, `system df`, `login`. */
export class System implements SystemService {
  readonly #context: EngineContext;
  readonly #images: ImageService;
  readonly #volumes: VolumeService;
  readonly #id: string;

  constructor(context: EngineContext, images: ImageService, volumes: VolumeService) {
    this.#context = context;
    this.#images = images;
    this.#volumes = volumes;
    this.#id = engineId(context.options.root);
  }

  async info(): Promise<SystemInfo> {
    const { rooms, options, events } = this.#context;
    const containers = this.#context.index.all();
    const count = (...statuses: string[]): number =>
      containers.filter(container => statuses.includes(container.status)).length;
    const features = rooms.cgroups.features();
    const system = osRelease();
    const { config } = options.settings;
    const pools = config['default-address-pools'] ?? [];
    const keeper = await rooms.runtime.status();
    return {
      ID: this.#id,
      Containers: containers.length,
      ContainersRunning: count('running', 'restarting'),
      ContainersPaused: count('paused'),
      ContainersStopped: count('created', 'exited', 'dead', 'removing'),
      Images: rooms.images.list().length,
      Driver: rooms.snapshots.driver,
      DriverStatus: driverStatus(rooms.snapshots.driver, options.root),
      Plugins: {
        Volume: ['local'],
        Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
        Authorization: null,
        Log: logDrivers.filter(name => name !== 'none'),
      },
      MemoryLimit: features.memoryLimit,
      SwapLimit: features.swapLimit,
      CpuCfsPeriod: features.cpuCfsPeriod,
      CpuCfsQuota: features.cpuCfsQuota,
      CPUShares: features.cpuShares,
      CPUSet: features.cpuSet,
      PidsLimit: features.pidsLimit,
      IPv4Forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'latin1').trim() === '1',
      Debug: config.debug ?? false,
      NFd: readdirSync('/proc/self/fd').length,
      OomKillDisable: features.oomKillDisable,
      NGoroutines: 0,
      SystemTime: new Date().toISOString(),
      LoggingDriver: config['log-driver'] ?? 'json-file',
      CgroupDriver: 'cgroupfs',
      CgroupVersion: String(rooms.cgroups.version),
      NEventsListener: events.listenerCount,
      KernelVersion: release(),
      OperatingSystem: system.name,
      OSVersion: system.version,
      OSType: 'linux',
      Architecture: unameArch(),
      IndexServerAddress: 'https://index.docker.io/v1/',
      RegistryConfig: registryConfig(config),
      NCPU: cpuCount,
      MemTotal: totalmem(),
      GenericResources: null,
      DockerRootDir: options.root,
      HttpProxy: maskedAddress(process.env.HTTP_PROXY),
      HttpsProxy: maskedAddress(process.env.HTTPS_PROXY),
      NoProxy: process.env.NO_PROXY ?? '',
      Name: hostname(),
      Labels: config.labels ?? [],
      ExperimentalBuild: config.experimental ?? false,
      ServerVersion: options.serverVersion,
      Runtimes: Object.fromEntries(runtimeNames.map(name => [name, { path: 'berth' }])),
      DefaultRuntime: defaultRuntimeName,
      Swarm: {
        NodeID: '',
        NodeAddr: '',
        LocalNodeState: 'inactive',
        ControlAvailable: false,
        Error: '',
        RemoteManagers: null,
      },
      LiveRestoreEnabled: config['live-restore'] ?? false,
      Isolation: '',
      InitBinary: '',
      ContainerdCommit: { ID: '' },
      RuncCommit: { ID: '' },
      InitCommit: { ID: '' },
      SecurityOptions: [
        ...(appArmorEnabled() ? ['name=apparmor'] : []),
        `name=seccomp,profile=${config['seccomp-profile'] || 'builtin'}`,
        ...(options.remap ? ['name=userns'] : []),
        ...(rooms.cgroups.version === 2 ? ['name=cgroupns'] : []),
      ],
      ...(pools.length > 0 && {
        DefaultAddressPools: pools.map(({ base = '', size = 0 }) => ({ Base: base, Size: size })),
      }),
      FirewallBackend: { Driver: 'nftables' },
      CDISpecDirs: [...cdiFolders],
      BerthKeeper: keeper.canary,
      Warnings: orNull([...warningsOf(keeper), ...missingFeatures(features)]),
    };
  }

  version(): VersionDocument {
    const { serverVersion, apiVersion, minimumApiVersion, settings } = this.#context.options;
    const { experimental = false } = settings.config;
    const details = { ApiVersion: apiVersion, MinAPIVersion: minimumApiVersion, Os: 'linux', Arch: machineArch() };
    return {
      Platform: { Name: 'Berth' },
      Components: [
        {
          Name: 'Engine',
          Version: serverVersion,
          Details: { ...details, KernelVersion: release(), Node: process.version, Experimental: String(experimental) },
        },
      ],
      Version: serverVersion,
      ...details,
      ...(experimental ? { Experimental: true } : {}),
      GitCommit: '',
      GoVersion: '',
      KernelVersion: release(),
      BuildTime: '',
    };
  }

  async diskUsage(types: readonly string[], buildCache: readonly BuildCacheRecord[]): Promise<DiskUsage> {
    const asked = (type: string): boolean => types.length === 0 || types.includes(type);
    const usage: DiskUsage = {};
    if (asked('image')) {
      const { rooms } = this.#context;
      usage.LayersSize = rooms.snapshots
        .layers()
        .reduce((sum, { chainId }) => sum + rooms.snapshots.layerSize(chainId), 0);
      usage.Images = await this.#images.list({ sharedSize: true });
    }
    if (asked('container')) {
      const now = new Date();
      const containers = newestFirst(this.#context.index.all());
      usage.Containers = await Promise.all(
        containers.map(async container => ({
          ...toSummary(container, now),
          ...(await sizesOf(container.record, this.#context)),
        })),
      );
    }
    if (asked('volume')) usage.Volumes = await this.#volumes.measured();
    if (asked('build-cache')) usage.BuildCache = [...buildCache];
    return { ...usage, ...summariesOf(usage) };
  }

  /** The configuration has been read anew. */
  announceReload(): void {
    const attributes = { name: hostname(), ...this.#context.options.settings.attributes() };
    this.#context.events.emit({ type: 'daemon', action: 'reload', id: this.#id, attributes });
  }

  async auth(body: AuthConfig): Promise<AuthResponse> {
    return this.#context.rooms.registry.login(body);
  }
}

function driverStatus(driver: StorageDriver, root: string): [string, string][] {
  if (driver === 'overlay2') return overlayStatus(root);
  return driver === 'btrfs' ? [['Btrfs', '']] : [];
}

const overlayStatus = (root: string): [string, string][] => [
  ['Backing Filesystem', fileSystemOf(root)],
  ['Supports d_type', 'true'],
  ['Native Overlay Diff', 'true'],
];

/** As dockerd sorts them: blocks of addresses, and registries each with its place in the index. */
function registryConfig(config: DaemonSettings['config']): NonNullable<SystemInfo['RegistryConfig']> {
  const Mirrors = (config['registry-mirrors'] ?? []).map(mirror => (mirror.endsWith('/') ? mirror : `${mirror}/`));
  const insecure = config['insecure-registries'] ?? [];
  const hosts = insecure.filter(entry => !entry.includes('/')).map(host => host.replace(/^https?:\/\//, ''));
  const indexes = hosts.map(Name => [Name, { Name, Mirrors: [], Secure: false, Official: false }] as const);
  const hub = { Name: 'docker.io', Mirrors, Secure: true, Official: true };
  return {
    InsecureRegistryCIDRs: [...insecure.filter(entry => /\/\d+$/.test(entry)), '::1/128', '127.0.0.0/8'],
    IndexConfigs: { 'docker.io': hub, ...Object.fromEntries(indexes) },
    Mirrors: orNull(Mirrors),
  };
}

/** Made once for each data root. */
function engineId(root: string): string {
  const path = join(root, 'engine-id.json');
  const known = readJsonFile(path);
  if (typeof known === 'string') return known;
  const id = randomUUID();
  writeJsonFileSync(path, id);
  return id;
}

function osRelease(): { name: string; version: string } {
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { name: field('PRETTY_NAME') || 'Linux', version: field('VERSION_ID') };
}

/** What the keeper's state means for containers. */
function warningsOf({ canary, keeperLostAt }: Awaited<ReturnType<Runtime['status']>>): string[] {
  return [
    ...(canary === 'ok' ? [] : [`WARNING: Containers cannot be started: ${canary}`]),
    ...(keeperLostAt
      ? [`WARNING: The containers' keeper died at ${keeperLostAt.toISOString()} and was replaced; they go on`]
      : []),
  ];
}

const orNull = (list: string[]): string[] | null => (list.length > 0 ? list : null);

/** In dockerd's words (moby daemon/info_unix.go). */
function missingFeatures(features: ReturnType<EngineContext['rooms']['cgroups']['features']>): string[] {
  const said: [boolean, string][] = [
    [features.memoryLimit, 'WARNING: No memory limit support'],
    [features.swapLimit, 'WARNING: No swap limit support'],
    [features.cpuCfsQuota, 'WARNING: No cpu cfs quota support'],
    [features.cpuCfsPeriod, 'WARNING: No cpu cfs period support'],
    [features.cpuShares, 'WARNING: No cpu shares support'],
    [features.cpuSet, 'WARNING: No cpuset support'],
    [features.pidsLimit, 'WARNING: No pids limit support'],
  ];
  return said.flatMap(([there, warning]) => (there ? [] : [warning]));
}

/** Magic numbers of statfs(2), and Docker's names for them. */
const fileSystems: Readonly<Record<number, string>> = {
  61267: 'extfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
  4076150800: 'f2fs',
};

const fileSystemOf = (path: string): string => fileSystems[statfsSync(path).type] ?? '<unknown>';
