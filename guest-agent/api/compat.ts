import type { Filters } from '../../contracts/decode.ts';
import type { ContainerCreateBody, ContainerInspect } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';

/** What Docker 28.5 answers, and what it says it still accepts. */
export const apiVersion = '1.51';
export const minimumApiVersion = '1.24';

/** skopeo speaks 1.22 and nothing later; what it asks for has not changed since. */
const lowestMinor = 22;
const highestMinor = 51;

/** The minor number of an API version; the major one is 1. */
export type ApiMinor = number;

/**
 * The version of a request's `/v1.x` prefix; without one it is ours.
 * @throws invalid-argument in Docker's words, which clients show or parse
 */
export function negotiate(prefix: string | undefined): ApiMinor {
  if (prefix === undefined) return highestMinor;
  const [major = 0, minor = 0] = prefix.split('.').map(Number);
  if (major > 1 || (major === 1 && minor > highestMinor)) {
    throw invalidArgument(`client version ${prefix} is too new. Maximum supported API version is ${apiVersion}`);
  }
  if (major < 1 || minor < lowestMinor) {
    throw invalidArgument(
      `client version ${prefix} is too old. Minimum supported API version is ${minimumApiVersion}, ` +
        'please upgrade your client to a newer version',
    );
  }
  return minor;
}

/** Since 1.42 a client can tell frames from raw bytes by the content type. */
export const tellsFramesApart = (version: ApiMinor): boolean => version >= 42;

/** `Config.MacAddress` was the container's address before 1.44; now each endpoint has its own. */
export function withEndpointMacAddress(body: ContainerCreateBody): ContainerCreateBody {
  const { MacAddress, ...rest } = body;
  const mode = body.HostConfig?.NetworkMode;
  if (!MacAddress || mode === 'host' || mode === 'none' || mode?.startsWith('container:')) return body;
  const network = !mode || mode === 'default' ? 'bridge' : mode;
  const endpoints = body.NetworkingConfig?.EndpointsConfig ?? {};
  const endpoint = endpoints[network] ?? endpoints.default;
  if (endpoint?.MacAddress && endpoint.MacAddress !== MacAddress) {
    throw invalidArgument(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left unspecified',
    );
  }
  return { ...rest, NetworkingConfig: { EndpointsConfig: { ...endpoints, [network]: { ...endpoint, MacAddress } } } };
}

/** Before 1.44 the container's address stood in `Config` too. */
export function shapeInspect(document: ContainerInspect, version: ApiMinor): ContainerInspect {
  const address = document.NetworkSettings.MacAddress;
  if (version >= 44 || !address) return document;
  return { ...document, Config: { ...document.Config, MacAddress: address } };
}

/** Before 1.44 images had `VirtualSize`, which had long been the same as `Size`. */
export function withVirtualSize<T extends { Size: number }>(document: T, version: ApiMinor): T {
  return version >= 44 ? document : { ...document, VirtualSize: document.Size };
}

/** Before 1.42 a volume prune took the named volumes too. */
export function shapeVolumePrune(filters: Filters, version: ApiMinor): Filters {
  return version >= 42 || filters.all ? filters : { ...filters, all: ['true'] };
}
