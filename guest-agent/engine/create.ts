import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { ContainerId } from '../../contracts/brand.ts';
import type {
  ContainerConfig,
  ContainerCreateBody,
  ContainerCreateResponse,
  HostConfig,
} from '../../contracts/docker/containers.ts';
import { invalidArgument, notFound } from '../../contracts/errors.ts';
import { type Image, ownPlatform } from '../images/index.ts';
import { commandOf, mergeConfig } from './config.ts';
import { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { cpuCount } from './cpu-count.ts';
import { ensureEmulation } from './emulation.ts';
import { checkHealth } from './health-state.ts';
import { checkHostConfig, completeHostConfig } from './host-config.ts';
import { dropImages } from './image-mounts.ts';
import { type ContainerLink, linksOf } from './links.ts';
import { type ChosenMounts, chooseMounts, dropVolumes } from './mounts.ts';
import { checkName, inventName } from './names.ts';
import { checkSharedNetwork } from './network-mode.ts';
import { wantedEndpoints } from './network-request.ts';
import { platformMismatch } from './platform-warning.ts';
import { settleResources } from './resource-checks.ts';
import { parseSignal } from './signals.ts';
import { checkRemapped } from './user-remap.ts';

export interface CreateRequest {
  name?: string;
  body: ContainerCreateBody;
  platform?: string;
}

/**
 * POST /containers/create: checked, with its writable layer and its record on the disk before it answers.
 * Whatever fails takes back what was done before.
 */
export async function createContainer(
  request: CreateRequest,
  context: EngineContext,
): Promise<ContainerCreateResponse> {
  const { HostConfig: asked = {}, NetworkingConfig: networking = {}, ...config } = request.body;
  const image = findImage(config.Image ?? '', request.platform, context);
  const platformWarnings = request.platform ? [] : platformMismatch(image.config);
  if (context.options.machine && image.config.architecture !== ownPlatform().architecture) {
    ensureEmulation(image.config.architecture, context.options);
  }
  checkConfig(config);
  if (config.Hostname && asked.UTSMode === 'host') {
    throw invalidArgument('conflicting options: hostname and the UTS mode');
  }
  const machine = { cpus: cpuCount, features: context.rooms.cgroups.features() };
  checkSharedNetwork(config, asked);
  checkHostConfig(asked, machine);
  checkRemapped(asked, context.options.remap);
  const id = randomBytes(32).toString('hex') as ContainerId;
  const merged = checkCommand(mergeConfig(config, (image.config.config ?? {}) as ContainerConfig));
  const completed = completeHostConfig(asked, {
    cgroupVersion: context.rooms.cgroups.version,
    defaults: context.options.settings.config,
  });
  const { resources: settled, warnings } = settleResources(completed, machine);
  const { Links: linkTexts, ...hostConfig } = settled;
  const { NetworkMode: mode = 'bridge' } = hostConfig;
  const links = linksOf(linkTexts ?? [], mode, context);
  const endpoints = wantedEndpoints(networking.EndpointsConfig ?? {}, mode, context);
  const name = takeName(request.name, id, context);
  try {
    const record = await prepare(
      {
        id,
        name,
        config: withHostname(merged, hostConfig, id),
        hostConfig,
        endpoints,
        links,
        image,
        reference: config.Image ?? '',
      },
      context,
    );
    const container = new ContainerActor(record, context);
    context.index.add(container);
    container.emit('create');
    return { Id: id, Warnings: [...platformWarnings, ...warnings, ...warningsOf(asked)] };
  } catch (error) {
    context.index.free(name, id);
    throw error;
  }
}

interface Draft {
  id: ContainerId;
  name: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
  endpoints: NonNullable<ContainerRecord['networkingConfig']['EndpointsConfig']>;
  links: ContainerLink[];
  image: Image;
  reference: string;
}

/** Layer, volumes, record; in this order, for a record promises the others. */
async function prepare(draft: Draft, context: EngineContext): Promise<ContainerRecord> {
  const { rooms } = context;
  await rooms.snapshots.prepare(draft.id, draft.image.topChainId);
  let chosen: ChosenMounts | undefined;
  try {
    chosen = await chooseMounts(draft, context);
    const record = toRecord(draft, chosen);
    await context.records.create(record);
    return record;
  } catch (error) {
    await rooms.snapshots.remove(draft.id);
    await dropVolumes(chosen?.newVolumes ?? [], context);
    await dropImages(chosen?.mounts ?? [], context);
    throw error;
  }
}

const toRecord = (draft: Draft, chosen: ChosenMounts): ContainerRecord => ({
  version: 1,
  id: draft.id,
  name: draft.name,
  createdAt: new Date().toISOString(),
  image: {
    id: draft.image.id,
    reference: draft.reference,
    topChainId: draft.image.topChainId,
    os: draft.image.config.os ?? 'linux',
  },
  config: draft.config,
  hostConfig: draft.hostConfig,
  networkingConfig: { EndpointsConfig: draft.endpoints },
  ...(draft.links.length > 0 && { links: draft.links }),
  mounts: chosen.mounts,
  anonymousVolumes: chosen.anonymousVolumes,
  state: { status: 'created' },
  restartCount: 0,
  manuallyStopped: false,
});

/** @throws not-found `No such image: x:latest`, or when the platform is another */
/** What may stand alone as a platform, as containerd reads it. */
const knownPlatformWords: ReadonlySet<string> = new Set(
  'linux windows darwin freebsd amd64 x86_64 x86-64 arm64 aarch64 arm armhf armel i386 386 ppc64le s390x riscv64'.split(
    ' ',
  ),
);

function findImage(name: string, platform: string | undefined, { rooms }: EngineContext): Image {
  if (name === '') throw invalidArgument('config cannot be empty in order to create a container');
  const image = rooms.images.get(name);
  if (!platform) return image;
  const [os, architecture, variant] = platform.split('/');
  if (!platform.includes('/') && !knownPlatformWords.has(platform)) {
    throw invalidArgument(`"${platform}": unknown operating system or architecture: invalid argument`);
  }
  const fits = ({ config }: Image): boolean =>
    (!os || os === config.os) &&
    (!architecture || architecture === config.architecture) &&
    (!variant || !config.variant || variant === config.variant);
  if (fits(image)) return image;
  const other = image.siblings.map(id => rooms.images.get(id)).find(fits);
  if (other) return other;
  const { config } = image;
  const actual = [config.os, config.architecture, config.variant].filter(Boolean).join('/');
  throw notFound(
    `image with reference ${name} was found but its platform (${actual}) does not match the specified platform (${platform})`,
  );
}

/** @throws invalid-argument in Docker's words */
function checkConfig(config: ContainerConfig): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith('/')) {
    throw invalidArgument(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  if (config.StopSignal) parseSignal(config.StopSignal);
  checkHealth(config.Healthcheck);
  for (const variable of config.Env ?? []) {
    if (variable === '' || variable.startsWith('=')) throw invalidArgument(`invalid environment variable: ${variable}`);
  }
}

function checkCommand(config: ContainerConfig): ContainerConfig {
  if (commandOf(config).length === 0) throw invalidArgument('no command specified');
  return config;
}

/** Docker's default: the first twelve digits of the id; on the host's network, the host's own name. */
function withHostname(config: ContainerConfig, host: HostConfig, id: ContainerId): ContainerConfig {
  if (config.Hostname) return config;
  const own = host.NetworkMode === 'host' || host.UTSMode === 'host' ? hostname() : id.slice(0, 12);
  return { ...config, Hostname: own };
}

function takeName(wanted: string | undefined, id: ContainerId, { index }: EngineContext): string {
  const name = wanted ? checkName(wanted) : inventName(candidate => index.isTaken(candidate));
  index.reserve(name, id);
  return name;
}

/** Docker's notices about what contradicts itself, and ours about what is not there yet. */
function warningsOf(host: HostConfig): string[] {
  const warnings: string[] = [];
  if (host.NetworkMode === 'host' && Object.keys(host.PortBindings ?? {}).length > 0) {
    warnings.push('Published ports are discarded when using host network mode');
  }
  if (host.Mounts?.some(({ Type }) => Type === 'image')) warnings.push('Image mount is an experimental feature');
  return warnings;
}
