import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { arch, hostname, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { readJsonFile, writeJsonFileSync } from '../../base/json-file.ts';
import type { AuthConfig } from '../../contracts/docker/common.ts';
import type { AuthResponse, DiskUsage, SystemInfo, VersionDocument } from '../../contracts/docker/system.ts';
import { appArmorEnabled, type Runtime } from '../runtime/index.ts';
import type { EngineContext } from './context.ts';
import { cpuCount } from './cpu-count.ts';
import type { SystemService } from './engine.ts';
import { loggingDrivers, runtimeName } from './host-config.ts';
import type { ImageService } from './image-service.ts';
import { sizesOf } from './inspect.ts';
import { toSummary } from './summary.ts';
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
    return {
      ID: this.#id,
      Containers: containers.length,
      ContainersRunning: count('running', 'restarting'),
      ContainersPaused: count('paused'),
      ContainersStopped: count('created', 'exited', 'dead', 'removing'),
      Images: rooms.images.list().length,
      Driver: 'overlay2',
      DriverStatus: [
        ['Backing Filesystem', 'extfs'],
        ['Supports d_type', 'true'],
        ['Native Overlay Diff', 'true'],
      ],
      Plugins: {
        Volume: ['local'],
        Network: ['bridge', 'host', 'null'],
        Authorization: null,
        Log: [...loggingDrivers],
      },
      MemoryLimit: features.memoryLimit,
      SwapLimit: features.swapLimit,
      CpuCfsPeriod: features.cpuCfsPeriod,
      CpuCfsQuota: features.cpuCfsQuota,
      CPUShares: features.cpuShares,
      CPUSet: features.cpuSet,
      PidsLimit: features.pidsLimit,
      IPv4Forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'latin1').trim() === '1',
      Debug: false,
      NFd: readdirSync('/proc/self/fd').length,
      OomKillDisable: features.oomKillDisable,
      NGoroutines: 0,
      SystemTime: new Date().toISOString(),
      LoggingDriver: 'json-file',
      CgroupDriver: 'cgroupfs',
      CgroupVersion: String(rooms.cgroups.version),
      NEventsListener: events.listenerCount,
      KernelVersion: release(),
      OperatingSystem: system.name,
      OSVersion: system.version,
      OSType: 'linux',
      Architecture: unameArch(),
      IndexServerAddress: 'https://index.docker.io/v1/',
      RegistryConfig: {
        InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
        IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } },
        Mirrors: null,
      },
      NCPU: cpuCount,
      MemTotal: totalmem(),
      GenericResources: null,
      DockerRootDir: options.root,
      HttpProxy: process.env.HTTP_PROXY ?? '',
      HttpsProxy: process.env.HTTPS_PROXY ?? '',
      NoProxy: process.env.NO_PROXY ?? '',
      Name: hostname(),
      Labels: [],
      ExperimentalBuild: false,
      ServerVersion: options.serverVersion,
      Runtimes: { [runtimeName]: { path: 'berth' } },
      DefaultRuntime: runtimeName,
      Swarm: {
        NodeID: '',
        NodeAddr: '',
        LocalNodeState: 'inactive',
        ControlAvailable: false,
        Error: '',
        RemoteManagers: null,
      },
      LiveRestoreEnabled: false,
      Isolation: '',
      InitBinary: '',
      ContainerdCommit: { ID: '' },
      RuncCommit: { ID: '' },
      InitCommit: { ID: '' },
      SecurityOptions: [
        ...(appArmorEnabled() ? ['name=apparmor'] : []),
        'name=seccomp,profile=builtin',
        ...(rooms.cgroups.version === 2 ? ['name=cgroupns'] : []),
      ],
      FirewallBackend: { Driver: 'nftables' },
      CDISpecDirs: [],
      BerthKeeper: rooms.runtime.status().canary,
      Warnings: warningsOf(rooms.runtime.status()),
    };
  }

  version(): VersionDocument {
    const { serverVersion, apiVersion, minimumApiVersion } = this.#context.options;
    const details = { ApiVersion: apiVersion, MinAPIVersion: minimumApiVersion, Os: 'linux', Arch: machineArch() };
    return {
      Platform: { Name: 'Berth' },
      Components: [
        {
          Name: 'Engine',
          Version: serverVersion,
          Details: { ...details, KernelVersion: release(), Node: process.version, Experimental: 'false' },
        },
      ],
      Version: serverVersion,
      ...details,
      GitCommit: '',
      GoVersion: '',
      KernelVersion: release(),
      BuildTime: '',
    };
  }

  async diskUsage(types: readonly string[]): Promise<DiskUsage> {
    const asked = (type: string): boolean => types.length === 0 || types.includes(type);
    const usage: DiskUsage = {};
    if (asked('image')) {
      const { rooms } = this.#context;
      usage.LayersSize = rooms.snapshots.layers().reduce((sum, layer) => sum + layer.size, 0);
      usage.Images = await this.#images.list({ sharedSize: true });
    }
    if (asked('container')) {
      const now = new Date();
      const containers = this.#context.index.all();
      usage.Containers = await Promise.all(
        containers.map(async container => ({
          ...toSummary(container, now),
          ...(await sizesOf(container.record, this.#context)),
        })),
      );
    }
    if (asked('volume')) usage.Volumes = await this.#volumes.measured();
    if (asked('build-cache')) usage.BuildCache = [];
    return usage;
  }

  async auth(body: AuthConfig): Promise<AuthResponse> {
    return this.#context.rooms.registry.login(body);
  }
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

/** What the keeper's state means for containers; null when all is well. */
function warningsOf({ canary, keeperLostAt }: ReturnType<Runtime['status']>): string[] | null {
  const warnings = [
    ...(canary === 'ok' ? [] : [`WARNING: Containers cannot be started: ${canary}`]),
    ...(keeperLostAt
      ? [`WARNING: The containers' keeper died at ${keeperLostAt.toISOString()} and was replaced; they go on`]
      : []),
  ];
  return warnings.length > 0 ? warnings : null;
}
