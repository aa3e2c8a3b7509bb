import { own } from '../../base/own.ts';
import type { ContainerCreateBody, ContainerInspect, ContainerSummary } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import { type ApiMinor, without } from './compat.ts';

type Change = (body: ContainerCreateBody) => ContainerCreateBody;

/** Changes the part of a body that depends on the host. */
const withHost =
  (change: (host: NonNullable<ContainerCreateBody['HostConfig']>) => ContainerCreateBody['HostConfig']): Change =>
  body =>
    body.HostConfig ? { ...body, HostConfig: change(body.HostConfig) } : body;

/** Changes the mounts of a body. */
const withMounts = (
  change: (mount: NonNullable<NonNullable<ContainerCreateBody['HostConfig']>['Mounts']>[number]) => typeof mount,
): Change => withHost(host => (host.Mounts ? { ...host, Mounts: host.Mounts.map(change) } : host));

/** What a client of an older API could not mean by its request: field by field, with the version that brought it. */
const unknownBefore: readonly (readonly [ApiMinor, Change])[] = [
  [
    40,
    withMounts(mount => ({ ...mount, BindOptions: mount.BindOptions && without(mount.BindOptions, ['NonRecursive']) })),
  ],
  [41, withHost(host => without(host, ['CgroupnsMode']))],
  [42, withHost(host => without(host, ['ConsoleSize']))],
  [43, withHost(host => without(host, ['Annotations']))],
  [44, body => (body.Healthcheck ? { ...body, Healthcheck: without(body.Healthcheck, ['StartInterval']) } : body)],
  [
    45,
    withMounts(mount => ({
      ...mount,
      VolumeOptions: mount.VolumeOptions && without(mount.VolumeOptions, ['Subpath']),
    })),
  ],
];

/** And what it may not mean any more. */
const unknownSince: readonly (readonly [ApiMinor, Change])[] = [
  [42, withHost(host => without(host, ['KernelMemory']))],
  [52, withHost(host => without(host, ['KernelMemoryTCP']))],
  [52, body => without(body, ['MacAddress'])],
];

/** A request to create, as its version of the API means it. @throws invalid-argument in Docker's words */
export function shapeCreate(body: ContainerCreateBody, version: ApiMinor): ContainerCreateBody {
  const endpoints = Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {});
  if (version < 44 && endpoints.length > 1) {
    throw invalidArgument('Container cannot be created with multiple network endpoints');
  }
  if (version < 48 && body.HostConfig?.Mounts?.some(({ Type }) => Type === 'image')) {
    throw invalidArgument('Mount type "Image" needs API v1.48 or newer');
  }
  const ofInterface = Object.keys(body.HostConfig?.Sysctls ?? {}).find(name => /^net(\.[^.]+){2}\.eth/.test(name));
  if (version >= 48 && ofInterface !== undefined) {
    throw invalidArgument(
      `interface specific sysctl setting ${JSON.stringify(ofInterface)} must be supplied using driver option 'com.docker.network.endpoint.sysctls'`,
    );
  }
  const changes = [
    ...unknownBefore.filter(([since]) => version < since),
    ...unknownSince.filter(([since]) => version >= since),
  ];
  const known = changes.reduce((kept, [, change]) => change(kept), body);
  return withEndpointMacAddress(version < 40 ? withSharedIpc(known) : known);
}

/** Before 1.40 other containers could join a container's IPC namespace unless it was told otherwise. */
function withSharedIpc(body: ContainerCreateBody): ContainerCreateBody {
  if (body.HostConfig?.IpcMode) return body;
  return { ...body, HostConfig: { ...body.HostConfig, IpcMode: 'shareable' } };
}

/** `Config.MacAddress` was the container's address before 1.44; now each endpoint has its own. */
export function withEndpointMacAddress(body: ContainerCreateBody): ContainerCreateBody {
  const { MacAddress, ...rest } = body;
  const mode = body.HostConfig?.NetworkMode;
  if (!MacAddress || mode === 'host' || mode === 'none' || mode?.startsWith('container:')) return body;
  const network = !mode || mode === 'default' ? 'bridge' : mode;
  const endpoints = body.NetworkingConfig?.EndpointsConfig ?? {};
  const endpoint = own(endpoints, network) ?? endpoints.default;
  if (endpoint?.MacAddress && endpoint.MacAddress !== MacAddress) {
    throw invalidArgument(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left unspecified',
    );
  }
  return { ...rest, NetworkingConfig: { EndpointsConfig: { ...endpoints, [network]: { ...endpoint, MacAddress } } } };
}

/** What 1.52 no longer says of the default bridge beside `Networks`. */
const flatNetworkFields = [
  ...['Bridge', 'HairpinMode', 'LinkLocalIPv6Address', 'LinkLocalIPv6PrefixLen', 'SecondaryIPAddresses'],
  ...['SecondaryIPv6Addresses', 'EndpointID', 'Gateway', 'GlobalIPv6Address', 'GlobalIPv6PrefixLen', 'IPAddress'],
  ...['IPPrefixLen', 'IPv6Gateway', 'MacAddress'],
];

/** An inspection as its version of the API has it. */
export function shapeInspect(document: ContainerInspect, version: ApiMinor): ContainerInspect {
  const { Config } = document;
  const shaped = { ...document, NetworkSettings: shapeNetworks(document, version) };
  if (version < 52) return version < 48 ? without(shaped, ['ImageManifestDescriptor']) : shaped;
  return {
    ...shaped,
    Config: without(Config, Config.OnBuild?.length ? ['MacAddress'] : ['MacAddress', 'OnBuild']),
    HostConfig: without(document.HostConfig, ['KernelMemoryTCP']),
    NetworkSettings: without(shaped.NetworkSettings, flatNetworkFields),
  };
}

/** Before 1.45 a container's short id was one of its aliases on networks of the user's. */
function shapeNetworks(
  { Id, NetworkSettings }: ContainerInspect,
  version: ApiMinor,
): ContainerInspect['NetworkSettings'] {
  if (version >= 45) return NetworkSettings;
  const networks = Object.entries(NetworkSettings.Networks).map(([name, endpoint]) => {
    const Aliases = predefined.has(name) ? endpoint.Aliases : [...(endpoint.Aliases ?? []), Id.slice(0, 12)];
    return [name, { ...endpoint, Aliases }] as const;
  });
  return { ...NetworkSettings, Networks: Object.fromEntries(networks) };
}

const predefined: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

/** An entry of the list as its version of the API has it. A layer without a byte has no size: Go leaves a zero out. */
export function shapeSummary(document: ContainerSummary, version: ApiMinor): ContainerSummary {
  const empty = document.SizeRw === 0 ? ['SizeRw'] : [];
  if (version >= 48) return empty.length > 0 ? without(document, empty) : document;
  const shaped = without(document, ['ImageManifestDescriptor', ...empty]);
  return version >= 46 ? shaped : { ...shaped, HostConfig: without(shaped.HostConfig, ['Annotations']) };
}
