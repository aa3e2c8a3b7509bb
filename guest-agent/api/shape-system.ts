import type { Filters } from '../../contracts/decode.ts';
import type { EventMessage } from '../../contracts/docker/events.ts';
import type { ImageSummary } from '../../contracts/docker/images.ts';
import type { DiskUsage, SystemInfo } from '../../contracts/docker/system.ts';
import { type ApiMinor, without } from './compat.ts';
import { shapeSummary } from './shape-containers.ts';
import { orNull, shapeImageSummary } from './shape-images.ts';

/** Before 1.42 a volume prune took the named volumes too. */
export function shapeVolumePrune(filters: Filters, version: ApiMinor): Filters {
  return version >= 42 || filters.all ? filters : { ...filters, all: ['true'] };
}

/** What `info` said before, or did not say yet: the version from which that is over, and the change. */
const infoChanges: readonly (readonly [ApiMinor, (info: SystemInfo) => object])[] = [
  [42, () => ({ KernelMemory: false })],
  [44, info => ({ Runtimes: withoutStatus(info) })],
  [46, () => ({ Containerd: undefined })],
  [
    47,
    info => ({
      RegistryConfig: {
        AllowNondistributableArtifactsCIDRs: null,
        AllowNondistributableArtifactsHostnames: null,
        ...info.RegistryConfig,
      },
    }),
  ],
  [
    49,
    info => ({
      FirewallBackend: undefined,
      ContainerdCommit: withExpected(info.ContainerdCommit),
      RuncCommit: withExpected(info.RuncCommit),
      InitCommit: withExpected(info.InitCommit),
    }),
  ],
  [50, () => ({ DiscoveredDevices: undefined, BridgeNfIptables: false, BridgeNfIp6tables: false })],
  [52, info => ({ KernelMemoryTCP: info.CgroupVersion === '1' })],
];

const withExpected = ({ ID }: { ID: string }): object => (ID === '' ? { ID } : { ID, Expected: ID });

const withoutStatus = ({ Runtimes }: SystemInfo): SystemInfo['Runtimes'] =>
  Object.fromEntries(Object.entries(Runtimes).map(([name, runtime]) => [name, without(runtime, ['status'])]));

/** `info` as its version of the API has it. */
export function shapeInfo(info: SystemInfo, version: ApiMinor): SystemInfo {
  const changes = infoChanges.filter(([until]) => version < until).map(([, change]) => change(info));
  return Object.assign({}, info, ...changes);
}

/** Since 1.52 an event has its actor, and nothing beside it; image `create` came with 1.46. */
export function shapeEvent(event: EventMessage, version: ApiMinor): EventMessage | undefined {
  if (version < 46 && event.Type === 'image' && event.Action === 'create') return undefined;
  return version >= 52 ? without(event, ['status', 'id', 'from']) : event;
}

/** `system df` never lost the nil slices of image lists before 1.43. */
function legacyImage(image: ImageSummary, version: ApiMinor): ImageSummary {
  const shaped = shapeImageSummary(without(image, ['Descriptor']), Math.max(version, 43));
  const size = version >= 44 ? shaped : { ...shaped, VirtualSize: image.Size };
  return {
    ...size,
    Containers: image.Containers,
    RepoTags: orNull(image.RepoTags),
    RepoDigests: orNull(image.RepoDigests),
  };
}

const legacyUsage = ['LayersSize', 'Images', 'Containers', 'Volumes', 'BuildCache'] as const;
const usageSummaries = ['ImageUsage', 'ContainerUsage', 'VolumeUsage', 'BuildCacheUsage'] as const;

/**
 * `system df` as its version of the API has it. Since 1.52 there is a summary of each kind of object: with `verbose` said
 * either way it stands alone, with or without its items; else the old lists stand beside it.
 */
export function shapeDiskUsage(usage: DiskUsage, version: ApiMinor, verbose: boolean | undefined): DiskUsage {
  const Images = usage.Images?.map(image => legacyImage(image, version));
  if (version < 52) {
    const Containers = usage.Containers?.map(container => shapeSummary(container, version));
    const asked = { LayersSize: 0, Images: null, Containers: null, Volumes: null, BuildCache: null };
    return without(
      { ...asked, ...usage, ...(Images ? { Images } : {}), ...(Containers ? { Containers } : {}) },
      usageSummaries,
    );
  }
  if (verbose === undefined) return usage;
  const items: Record<(typeof usageSummaries)[number], unknown> = {
    ImageUsage: usage.Images,
    ContainerUsage: usage.Containers,
    VolumeUsage: usage.Volumes,
    BuildCacheUsage: usage.BuildCache,
  };
  const summaries = usageSummaries.flatMap(name => {
    const summary = usage[name];
    return summary ? [[name, verbose ? { ...summary, Items: items[name] } : summary] as const] : [];
  });
  return without({ ...usage, ...Object.fromEntries(summaries) }, legacyUsage);
}
