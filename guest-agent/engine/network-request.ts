import type { ContainerId, ContainerRef } from '../../contracts/brand.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import { conflict, EngineError, invalidArgument } from '../../contracts/errors.ts';
import type { ConnectRequest, EndpointRequest, PortMapping, Protocol } from '../networks/index.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';

/** What a container wants of the network, in the networks room's words. */
export function connectRequestOf(record: ContainerRecord, context: EngineContext): ConnectRequest {
  const { config, hostConfig } = record;
  return {
    id: record.id,
    name: record.name,
    mode: modeOf(record, context),
    networks: endpointsOf(record),
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
    directory: context.records.directory(record.id),
  };
}

function modeOf({ config, hostConfig }: ContainerRecord, context: EngineContext): string {
  if (config.NetworkDisabled) return 'none';
  const mode = hostConfig.NetworkMode || 'bridge';
  if (!mode.startsWith('container:')) return mode;
  return `container:${donorOf(mode.slice('container:'.length) as ContainerRef, context)}`;
}

/** @throws not-found, conflict in Docker's words */
function donorOf(ref: ContainerRef, { index }: EngineContext): ContainerId {
  const joining = 'joining network namespace of container';
  try {
    const { id, live } = index.getByRef(ref);
    if (!live) throw conflict(`cannot join network of a non running container: ${id}`);
    return id;
  } catch (error) {
    throw error instanceof EngineError ? new EngineError(error.kind, `${joining}: ${error.message}`) : error;
  }
}

function endpointsOf(record: ContainerRecord): Record<string, EndpointRequest> {
  const wanted = Object.entries(record.networkingConfig.EndpointsConfig ?? {});
  return Object.fromEntries(
    wanted.map(([network, settings]) => [
      network,
      {
        ...(settings.IPAMConfig?.IPv4Address ? { ipAddress: settings.IPAMConfig.IPv4Address } : {}),
        ...(settings.MacAddress ? { macAddress: settings.MacAddress } : {}),
        ...(settings.Aliases ? { aliases: settings.Aliases } : {}),
      },
    ]),
  );
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
