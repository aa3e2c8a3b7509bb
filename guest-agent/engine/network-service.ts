import type {
  NetworkConnectBody,
  NetworkContainer,
  NetworkCreateBody,
  NetworkCreateResponse,
  NetworkDisconnectBody,
  NetworkInspect,
  NetworkPruneReport,
} from '../../contracts/docker/networks.ts';
import { forbidden, internal, invalidArgument } from '../../contracts/errors.ts';
import { addressUse, type NetworkRecord } from '../networks/index.ts';
import type { EngineContext } from './context.ts';
import type { Filters, NetworksService } from './engine.ts';
import {
  assertFilters,
  keepsLabels,
  matchesExactly,
  matchesLabels,
  textFilter,
  untilFilter,
  wanted,
} from './filters.ts';
import { connectContainer, disconnectContainer } from './network-membership.ts';

const listFilters = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];
const pruneFilters = ['label', 'label!', 'until'];

/** Docker's network documents over the networks room. */
export class NetworkService implements NetworksService {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  async list(filters: Filters): Promise<NetworkInspect[]> {
    assertFilters(filters, listFilters);
    const type = wanted(filters, 'type').find(value => value !== 'builtin' && value !== 'custom');
    if (type !== undefined) throw internal(`invalid filter: 'type'='${type}'`);
    const isNamed = await textFilter(filters, 'name');
    const hasId = await textFilter(filters, 'id');
    return this.#context.rooms.networks
      .list()
      .filter(network => isNamed(network.name) && hasId(network.id) && this.#matches(network, filters))
      .map(network => toDocument(network, {}));
  }

  async inspect(ref: string): Promise<NetworkInspect> {
    const network = this.#context.rooms.networks.get(ref);
    const containers = this.#context.rooms.networks.endpoints(network.id).map(({ id, name, endpoint }) => {
      const document: NetworkContainer = {
        Name: name,
        EndpointID: endpoint.endpointId,
        MacAddress: endpoint.macAddress,
        IPv4Address: endpoint.ipAddress ? `${endpoint.ipAddress}/${endpoint.prefixLength}` : '',
        IPv6Address: endpoint.ipv6Address ? `${endpoint.ipv6Address}/${endpoint.ipv6PrefixLength}` : '',
      };
      return [id, document] as const;
    });
    return { ...toDocument(network, Object.fromEntries(containers)), Status: statusOf(network, containers) };
  }

  async create(body: NetworkCreateBody): Promise<NetworkCreateResponse> {
    if (!body.Name) throw invalidArgument('invalid name: name is empty');
    if (body.Ingress) throw forbidden('Ingress network can only be global scope network');
    const { IPAM: ipam } = body;
    const config = ipam?.Config?.map(({ Subnet, Gateway, IPRange, AuxiliaryAddresses: auxiliary }) => ({
      ...(Subnet ? { subnet: Subnet } : {}),
      ...(Gateway ? { gateway: Gateway } : {}),
      ...(IPRange ? { ipRange: IPRange } : {}),
      ...(auxiliary && Object.keys(auxiliary).length > 0 ? { auxiliary } : {}),
    }));
    const network = await this.#context.rooms.networks.create({
      name: body.Name,
      driver: body.Driver || 'bridge',
      scope: body.Scope,
      internal: body.Internal,
      attachable: body.Attachable,
      enableIPv4: body.EnableIPv4,
      enableIPv6: body.EnableIPv6,
      ipam: { driver: ipam?.Driver || 'default', options: ipam?.Options, config },
      options: body.Options,
      labels: body.Labels,
      configOnly: body.ConfigOnly,
      configFrom: body.ConfigFrom?.Network,
    });
    this.#emit('create', network);
    return { Id: network.id, Warning: '' };
  }

  async remove(ref: string): Promise<void> {
    const network = this.#context.rooms.networks.get(ref);
    await this.#context.rooms.networks.remove(ref);
    this.#emit('destroy', network);
  }

  async prune(filters: Filters): Promise<NetworkPruneReport> {
    assertFilters(filters, pruneFilters);
    const until = untilFilter(filters, new Date());
    const { networks } = this.#context.rooms;
    const before = networks.list();
    const inUse = this.#namesInUse();
    const removed = await networks.prune(
      network =>
        inUse.has(network.name) ||
        inUse.has(network.id) ||
        !keepsLabels(filters, network.labels) ||
        (until !== undefined && new Date(network.createdAt) > until),
    );
    for (const network of before) if (removed.includes(network.name)) this.#emit('destroy', network);
    this.#context.events.emit({ type: 'network', action: 'prune', id: '', attributes: { reclaimed: '0' } });
    return { NetworksDeleted: removed.length > 0 ? removed : null };
  }

  async connect(ref: string, body: NetworkConnectBody): Promise<void> {
    const done = await connectContainer(ref, body, this.#context);
    if (done) this.#emit('connect', done.network, { container: done.container.id });
  }

  async disconnect(ref: string, body: NetworkDisconnectBody): Promise<void> {
    const done = await disconnectContainer(ref, body, this.#context);
    if (done) this.#emit('disconnect', done.network, { container: done.container.id });
  }

  #matches(network: NetworkRecord, filters: Filters): boolean {
    const dangling = danglingFilter(filters);
    const types = wanted(filters, 'type');
    return (
      (dangling === undefined || dangling === (!network.predefined && !this.#isUsed(network))) &&
      matchesExactly(filters, 'driver', network.driver) &&
      matchesExactly(filters, 'scope', scopeOf(network)) &&
      matchesLabels(wanted(filters, 'label'), network.labels) &&
      (types.length === 0 || types.includes(network.predefined ? 'builtin' : 'custom'))
    );
  }

  #isUsed(network: NetworkRecord): boolean {
    const inUse = this.#namesInUse();
    return inUse.has(network.name) || inUse.has(network.id);
  }

  /** Of running containers: Docker prunes networks of the others. */
  #namesInUse(): Set<string> {
    const running = this.#context.index.all().filter(container => container.live);
    return new Set(
      running.flatMap(({ record }) => (record.sandbox?.endpoints ?? []).map(endpoint => endpoint.networkName)),
    );
  }

  #emit(action: string, network: NetworkRecord, more: Record<string, string> = {}): void {
    const attributes = { name: network.name, type: network.driver, ...more };
    this.#context.events.emit({ type: 'network', action, id: network.id, attributes });
  }
}

/** @throws invalid-argument in Docker's words */
function danglingFilter(filters: Filters): boolean | undefined {
  const [value] = wanted(filters, 'dangling');
  if (value === undefined) return undefined;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalidArgument(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
}

const scopeOf = ({ scope = 'local' }: NetworkRecord): string => scope;

function toDocument(network: NetworkRecord, containers: Record<string, NetworkContainer>): NetworkInspect {
  const { ipam } = network;
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: scopeOf(network),
    Driver: network.driver,
    EnableIPv4: network.enableIPv4,
    EnableIPv6: network.enableIPv6,
    IPAM: {
      Driver: ipam.driver,
      Options: network.predefined ? null : ipam.options,
      Config: subnetDocuments(network),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? '' },
    ConfigOnly: network.configOnly ?? false,
    Containers: containers,
    Options: network.options,
    Labels: network.labels,
  };
}

function statusOf(
  { ipam }: NetworkRecord,
  containers: readonly (readonly [string, NetworkContainer])[],
): NetworkInspect['Status'] {
  if (ipam.config.length === 0) return { IPAM: {} };
  const addresses = containers.flatMap(([, { IPv4Address, IPv6Address }]) => [IPv4Address, IPv6Address]);
  const subnets = ipam.config.map(subnet => {
    const { inUse, available } = addressUse(subnet, addresses.filter(Boolean));
    return [subnet.subnet, { IPsInUse: inUse, DynamicIPsAvailable: available }] as const;
  });
  return { IPAM: { Subnets: Object.fromEntries(subnets) } };
}

/** What nobody asked for is not shown. */
function subnetDocuments({ driver, ipam }: NetworkRecord): NetworkInspect['IPAM']['Config'] {
  if (driver === 'host' || (driver === 'null' && ipam.config.length === 0)) return null;
  return ipam.config.map(({ subnet, gateway, gatewayChosen, ipRange, auxiliary }) => ({
    Subnet: subnet,
    ...(ipRange ? { IPRange: ipRange } : {}),
    ...(gatewayChosen ? {} : { Gateway: gateway }),
    ...(auxiliary ? { AuxiliaryAddresses: auxiliary } : {}),
  }));
}
