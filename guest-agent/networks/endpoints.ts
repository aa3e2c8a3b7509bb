import { randomBytes } from 'node:crypto';
import { forbidden, invalidArgument } from '../../contracts/errors.ts';
import type { ConnectRequest, Endpoint, EndpointRequest, NetworkRecord } from './contract.ts';
import type { DriverNetwork } from './driver-network.ts';
import { checkWish } from './endpoint-checks.ts';
import { interfaceNameOf, writeEndpointSettings } from './endpoint-options.ts';
import { linkLocalAddresses } from './link-local.ts';
import { byPrecedence, type Precedence, waysOut } from './live.ts';
import type { NetworkList } from './network-list.ts';
import { dnsNamesOf } from './network-names.ts';
import { option as networkOption } from './network-options.ts';
import type { ReadyPool } from './ready-pool.ts';
import { configure, leaveBy, type Namespace, type Wire, type WiredNamespace } from './sandbox.ts';

/** What a container gets: told bit by bit, so that whatever exists can be given back when the next bit fails. */
export interface Holder {
  namespace?: Namespace;
  readonly wires: Wire[];
  readonly endpoints: Endpoint[];
}

/** Who takes part. */
export type Member = Pick<ConnectRequest, 'id' | 'name' | 'hostname' | 'aliases' | 'macAddress'>;

interface Join {
  network: DriverNetwork;
  wish: EndpointRequest;
}

/** Takes part in all networks of the request, in their precedence; the first of each family leads outside. */
export function plugEndpoints(
  request: ConnectRequest,
  rooms: { networks: NetworkList; wired: ReadyPool<WiredNamespace>; bare: ReadyPool<Namespace> },
  holder: Holder,
): void {
  const joins = joinsOf(request, rooms.networks);
  const [first] = joins;
  if (first?.network.record.predefined && interfaceNameOf(first.wish, []) === 'eth0') {
    const ready = rooms.wired.take();
    holder.namespace = ready.namespace;
    holder.wires.push(ready.wire);
  } else {
    holder.namespace = rooms.bare.take();
  }
  for (const join of joins) plugEndpoint({ ...join, member: request, alone: joins.length === 1 }, holder);
  if (joins.length > 1) leaveBy(holder.namespace, waysOut(holder.endpoints));
}

/** One endpoint more: its link, addresses, and the default routes if it is `alone`. Returns it; it is in `holder`. */
export function plugEndpoint(plug: Join & { member: Member; alone: boolean }, holder: Holder): Endpoint {
  const { network, wish, alone } = plug;
  const { namespace, wires, endpoints } = holder;
  if (!namespace) throw new Error('a container without a namespace');
  const ready = wires[endpoints.length];
  const taken = endpoints.map(({ interfaceName }) => interfaceName);
  const prefix = network.record.options[networkOption.interfacePrefix] || undefined;
  const wire = ready ?? network.plug(namespace, interfaceNameOf(wish, taken, prefix));
  if (!ready) wires.push(wire);
  const endpoint = newEndpoint(plug, wire, plug.member);
  endpoints.push(endpoint);
  writeEndpointSettings(namespace, wish, wire.interfaceName);
  configure(namespace, wire, {
    macAddress: endpoint.macAddress,
    addresses: [...linkAddresses(endpoint), ...linkLocalAddresses(wish, endpoint)],
    ways: alone ? waysOut([endpoint]).map(({ way }) => way) : [],
  });
  return endpoint;
}

const linkAddresses = ({ ipAddress, prefixLength, ipv6Address, ipv6PrefixLength = 0 }: Endpoint) => [
  ...(ipAddress ? [{ address: ipAddress, prefixLength }] : []),
  ...(ipv6Address ? [{ address: ipv6Address, prefixLength: ipv6PrefixLength }] : []),
];

/** In a network without addresses, `host` or `none`. */
export const simpleEndpoint = (record: NetworkRecord): Endpoint => ({
  networkId: record.id,
  networkName: record.name,
  driver: record.driver,
  endpointId: randomBytes(32).toString('hex'),
  interfaceName: '',
  hostInterface: '',
  ipAddress: '',
  prefixLength: 0,
  gateway: '',
  macAddress: '',
  aliases: [],
});

const notBesideNone =
  'container cannot be connected to multiple networks with one of the networks in private (none) mode';
const notBesideHost =
  'container sharing network namespace with another container or host cannot be connected to any other network';

/** A container of the `host` or the `none` network has no other. @throws invalid-argument in Docker's words */
export function assertOnly({ driver }: NetworkRecord, { networks = {} }: ConnectRequest): void {
  if (Object.keys(networks).length > 1) throw invalidArgument(driver === 'host' ? notBesideHost : notBesideNone);
}

function joinsOf(request: ConnectRequest, networks: NetworkList): Join[] {
  const wishes = Object.entries(request.networks ?? {}).map(([ref, wish]) => ({ record: networks.get(ref), wish }));
  const main = networks.get(request.mode);
  if (wishes.length === 0) wishes.push({ record: main, wish: {} });
  const joins = wishes.map(({ record, wish }) => {
    if (record.configOnly) throw forbidden('cannot create endpoint on configuration-only network');
    if (record.driver === 'host')
      throw invalidArgument(
        'cannot connect container to host network - container must be created in host network mode',
      );
    if (record.driver === 'null') {
      throw invalidArgument(notBesideNone);
    }
    checkWish(wish, record);
    return { network: networks.networkOf(record), wish };
  });
  return joins.length > 1 ? joins.sort((one, other) => byPrecedence(precedenceOf(one), precedenceOf(other))) : joins;
}

const precedenceOf = ({ network, wish }: Join): Precedence => ({
  networkName: network.record.name,
  gatewayPriority: wish.gatewayPriority,
  leads: network.addresses.leads !== 'nowhere',
});

function newEndpoint({ network, wish }: Join, wire: Wire, member: Member): Endpoint {
  const { record } = network;
  const addressed = network.addresses.allocate(wish);
  const wantedMac = wish.macAddress || (wire.interfaceName === 'eth0' ? member.macAddress : undefined);
  const aliases = [...new Set([...(wish.aliases ?? []), ...(member.aliases ?? [])])];
  return {
    networkId: record.id,
    networkName: record.name,
    ...(record.driver !== 'bridge' && { driver: record.driver }),
    endpointId: randomBytes(32).toString('hex'),
    interfaceName: wire.interfaceName,
    hostInterface: wire.host?.name ?? '',
    ...addressed,
    macAddress: wantedMac || (network.macFor(addressed.ipAddress) ?? ''),
    aliases,
    ...(record.predefined ? {} : { dnsNames: dnsNamesOf({ ...member, aliases }) }),
    ...(wish.links?.length && { links: wish.links }),
    ...(wish.gatewayPriority && { gatewayPriority: wish.gatewayPriority }),
  };
}
