import type { ContainerId, ContainerRef } from '../../contracts/brand.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import type { EndpointSettings } from '../../contracts/docker/networks.ts';
import { conflict, EngineError, invalidArgument } from '../../contracts/errors.ts';
import type { ConnectRequest, EndpointRequest, PortMapping, Protocol } from '../networks/index.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { neighboursOf, parseLink } from './links.ts';

/** What a container wants of the network, in the networks room's words. */
export function connectRequestOf(record: ContainerRecord, context: EngineContext): ConnectRequest {
  const { config, hostConfig } = record;
  return {
    id: record.id,
    name: record.name,
    mode: modeOf(record, context),
    networks: endpointsOf(record, context),
    hostname: config.Hostname ?? '',
    domainname: config.Domainname,
    macAddress: config.MacAddress,
    ports: portMappings(hostConfig),
    exposed: Object.keys(config.ExposedPorts ?? {}),
    publishAll: hostConfig.PublishAllPorts,
    dns: hostConfig.Dns,
    dnsSearch: hostConfig.DnsSearch,
    dnsOptions: hostConfig.DnsOptions,
    extraHosts: hostConfig.ExtraHosts,
    ...(record.links?.length && { neighbours: neighboursOf(record, context) }),
    directory: context.records.directory(record.id),
  };
}

/** One that the container has left counts no more; it is alone once it has left them all. */
function modeOf({ config, hostConfig, networkingConfig }: ContainerRecord, context: EngineContext): string {
  const mode = hostConfig.NetworkMode || 'bridge';
  const { EndpointsConfig: asked = { [mode]: {} } } = networkingConfig;
  if (config.NetworkDisabled) return 'none';
  if (!mode.startsWith('container:')) return Object.hasOwn(asked, mode) ? mode : (Object.keys(asked)[0] ?? 'none');
  return `container:${donorOf(mode.slice('container:'.length) as ContainerRef, context)}`;
}

/** @throws not-found, conflict in Docker's words */
function donorOf(ref: ContainerRef, { index }: EngineContext): ContainerId {
  const joining = 'joining network namespace of container';
  try {
    const { id, live, name, status } = index.getByRef(ref);
    if (live) return id;
    if (status === 'restarting')
      throw conflict(
        `cannot join network namespace of container: Container ${id} is restarting, wait until the container is running`,
      );
    throw conflict(`cannot join network namespace of a non running container: container ${name} is ${status}`);
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'conflict') throw error;
    throw error instanceof EngineError ? new EngineError(error.kind, `${joining}: ${error.message}`) : error;
  }
}

function endpointsOf(record: ContainerRecord, context: EngineContext): Record<string, EndpointRequest> {
  const wanted = Object.entries(record.networkingConfig.EndpointsConfig ?? {});
  return Object.fromEntries(wanted.map(([network, settings]) => [network, endpointRequest(settings, context)]));
}

/** What a client asks of one network, in the networks room's words. Links to containers that are not there are left out. */
export function endpointRequest(settings: EndpointSettings, { index }: EngineContext): EndpointRequest {
  const { IPAMConfig: ipam, MacAddress, Aliases, Links, GwPriority, DriverOpts } = settings;
  const links = (Links ?? []).map(parseLink).flatMap(({ name, alias }) => {
    const container = index.seek(name as ContainerRef)?.id;
    return container ? [{ container, alias }] : [];
  });
  return {
    ...(ipam?.IPv4Address ? { ipAddress: ipam.IPv4Address } : {}),
    ...(ipam?.IPv6Address ? { ipv6Address: ipam.IPv6Address } : {}),
    ...(ipam?.LinkLocalIPs?.length ? { linkLocalAddresses: ipam.LinkLocalIPs } : {}),
    ...(MacAddress ? { macAddress: MacAddress } : {}),
    ...(Aliases ? { aliases: Aliases } : {}),
    ...(links.length > 0 ? { links } : {}),
    ...(GwPriority ? { gatewayPriority: GwPriority } : {}),
    ...(DriverOpts ? { driverOptions: DriverOpts } : {}),
  };
}

/**
 * The networks of a new container by their names: the one of its mode, and those that it names. `default` is another
 * name of the bridge. @throws invalid-argument in Docker's words
 */
export function wantedEndpoints(
  asked: Record<string, EndpointSettings>,
  mode: string,
  context: EngineContext,
): Record<string, EndpointSettings> {
  if (mode.startsWith('container:')) return asked;
  const { networks } = context.rooms;
  const named = Object.entries(asked).map(([ref, settings]) => [nameOfNetwork(ref, networks), settings] as const);
  const wanted = { [nameOfNetwork(mode, networks)]: {}, ...Object.fromEntries(named) };
  for (const [name, settings] of Object.entries(wanted)) checkSettings(name, settings, context);
  return wanted;
}

function checkSettings(name: string, settings: EndpointSettings, context: EngineContext): void {
  if (!settings.IPAMConfig && !settings.Aliases?.length) return;
  try {
    context.rooms.networks.check(name, endpointRequest(settings, context));
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== 'invalid-argument') return; // it may come before the start
    throw invalidArgument(`invalid config for network ${name}: ${error.message}`, { cause: error });
  }
}

function nameOfNetwork(ref: string, networks: EngineContext['rooms']['networks']): string {
  try {
    return networks.get(ref).name;
  } catch {
    return ref; // it may come before the start
  }
}

/** `PortBindings` as mappings, one for each place on the host. @throws invalid-argument in Docker's words */
export function portMappings(hostConfig: HostConfig): PortMapping[] {
  return Object.entries(hostConfig.PortBindings ?? {}).flatMap(([port, bindings]) => {
    const { containerPort, protocol } = parsePort(port);
    return bindings.map(({ HostIp = '', HostPort = '' }) => ({
      containerPort,
      protocol,
      hostIp: HostIp,
      ...hostRange(HostPort),
    }));
  });
}

/** `80/tcp`. @throws invalid-argument */
export function parsePort(text: string): { containerPort: number; protocol: Protocol } {
  const [port = '', protocol = 'tcp'] = text.split('/', 2);
  const number = /^\d+$/.test(port) ? Number(port) : Number.NaN;
  if (!(number >= 0 && number <= 65_535)) throw invalidArgument(`invalid port specification: "${text}"`);
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') {
    throw invalidArgument(`invalid port specification: "${text}"`);
  }
  return { containerPort: number, protocol };
}

function hostRange(text: string): { hostPort?: number; hostPortEnd?: number } {
  if (text === '') return {};
  const parts = /^(\d+)(?:-(\d+))?$/.exec(text);
  const [first, last] = [Number(parts?.[1]), Number(parts?.[2] ?? parts?.[1])];
  if (!parts || first > 65_535 || last > 65_535 || last < first)
    throw invalidArgument(`invalid port specification: "${text}"`);
  return { hostPort: first, ...(last > first ? { hostPortEnd: last } : {}) };
}
