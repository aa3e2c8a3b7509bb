import { randomBytes } from 'node:crypto';
import { invalidArgument } from '../../contracts/errors.ts';
import type { RouteConnection } from '../netlink/index.ts';
import type { BridgeNetwork } from './bridge-network.ts';
import type { ConnectRequest, Endpoint, EndpointRequest, NetworkRecord } from './contract.ts';
import { checkWish } from './endpoint-checks.ts';
import { interfaceNameOf, writeEndpointSettings } from './endpoint-options.ts';
import { macOf } from './ipam.ts';
import { byPrecedence } from './live.ts';
import type { NetworkList } from './network-list.ts';
import { dnsNamesOf } from './network-names.ts';
import type { ReadyPool } from './ready-pool.ts';
import { configure, type Namespace, plugIn, type Wire, type WiredNamespace } from './sandbox.ts';

/** What a container gets: told bit by bit, so that whatever exists can be given back when the next bit fails. */
export interface Holder {
  namespace?: Namespace;
  readonly wires: Wire[];
  readonly endpoints: Endpoint[];
}

/** Who takes part. */
export type Member = Pick<ConnectRequest, 'id' | 'name' | 'hostname' | 'aliases' | 'macAddress'>;

interface Join {
  network: BridgeNetwork;
  wish: EndpointRequest;
}

/** Takes part in all networks of the request, in the order of {@link byPrecedence}; the first leads outside. */
export function plugEndpoints(
  request: ConnectRequest,
  rooms: { networks: NetworkList; host: RouteConnection; wired: ReadyPool<WiredNamespace>; bare: ReadyPool<Namespace> },
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
  for (const join of joins) {
    const outlet = join === first && join.network.gateway !== undefined;
    plugEndpoint({ ...join, member: request, outlet }, rooms.host, holder);
  }
}

/** One endpoint more: its link, addresses, and the default route if it is the outlet. Returns it; it is in `holder`. */
export function plugEndpoint(
  plug: Join & { member: Member; outlet: boolean },
  host: RouteConnection,
  holder: Holder,
): Endpoint {
  const { network, wish, outlet } = plug;
  const { namespace, wires, endpoints } = holder;
  if (!namespace) throw new Error('a container without a namespace');
  const ready = wires[endpoints.length];
  const taken = endpoints.map(({ interfaceName }) => interfaceName);
  const wire = ready ?? plugIn(host, namespace, interfaceNameOf(wish, taken), network.port);
  if (!ready) wires.push(wire);
  const endpoint = newEndpoint(plug, wire, plug.member);
  endpoints.push(endpoint);
  writeEndpointSettings(namespace, wish, wire.interfaceName);
  configure(namespace, wire, { macAddress: endpoint.macAddress, addresses: addressesOf(endpoint, outlet) });
  return endpoint;
}

/** @throws like the pool of addresses; then the other family's address is given back */
function sixOf(
  network: BridgeNetwork,
  wish: EndpointRequest,
  ipAddress: string,
): Pick<Endpoint, 'ipv6Address' | 'ipv6PrefixLength' | 'ipv6Gateway'> {
  const { addresses6: pool, gateway6 } = network;
  if (!pool) return {};
  try {
    const ipv6Address = pool.allocate(wish.ipv6Address || undefined);
    return { ipv6Address, ipv6PrefixLength: pool.prefixLength, ...(gateway6 && { ipv6Gateway: gateway6 }) };
  } catch (error) {
    network.addresses.release(ipAddress);
    throw error;
  }
}

function addressesOf(endpoint: Endpoint, outlet: boolean): Parameters<typeof configure>[2]['addresses'] {
  const { ipAddress: address, prefixLength, gateway, ipv6Address, ipv6PrefixLength = 0, ipv6Gateway } = endpoint;
  return [
    { address, prefixLength, ...(outlet && { gateway }) },
    ...(ipv6Address
      ? [{ address: ipv6Address, prefixLength: ipv6PrefixLength, ...(outlet && { gateway: ipv6Gateway }) }]
      : []),
  ];
}

/** In a network without addresses, `host` or `none`. */
export const simpleEndpoint = (record: NetworkRecord): Endpoint => ({
  networkId: record.id,
  networkName: record.name,
  endpointId: randomBytes(32).toString('hex'),
  interfaceName: '',
  hostInterface: '',
  ipAddress: '',
  prefixLength: 0,
  gateway: '',
  macAddress: '',
  aliases: [],
});

function joinsOf(request: ConnectRequest, networks: NetworkList): Join[] {
  const wishes = Object.entries(request.networks ?? {}).map(([ref, wish]) => ({ record: networks.get(ref), wish }));
  const main = networks.get(request.mode);
  if (wishes.length === 0) wishes.push({ record: main, wish: {} });
  const joins = wishes.map(({ record, wish }) => {
    if (record.driver !== 'bridge')
      throw invalidArgument('container cannot be connected to network endpoints: host-mode or none is alone');
    checkWish(wish, record);
    return { network: networks.bridgeOf(record), wish };
  });
  return joins.length > 1 ? joins.sort((one, other) => byPrecedence(precedenceOf(one), precedenceOf(other))) : joins;
}

const precedenceOf = ({ network, wish }: Join): Parameters<typeof byPrecedence>[0] => ({
  networkName: network.record.name,
  gateway: network.gateway ?? '',
  gatewayPriority: wish.gatewayPriority,
});

function newEndpoint({ network, wish }: Join, wire: Wire, member: Member): Endpoint {
  const { record } = network;
  const ipAddress = network.addresses.allocate(wish.ipAddress || undefined);
  const six = sixOf(network, wish, ipAddress);
  const wantedMac = wish.macAddress || (wire.interfaceName === 'eth0' ? member.macAddress : undefined);
  const aliases = [...new Set([...(wish.aliases ?? []), ...(member.aliases ?? [])])];
  return {
    networkId: record.id,
    networkName: record.name,
    endpointId: randomBytes(32).toString('hex'),
    interfaceName: wire.interfaceName,
    hostInterface: wire.hostInterface,
    ipAddress,
    prefixLength: network.addresses.prefixLength,
    gateway: network.gateway ?? '',
    ...six,
    macAddress: wantedMac || macOf(ipAddress),
    aliases,
    ...(record.predefined ? {} : { dnsNames: dnsNamesOf({ ...member, aliases }) }),
    ...(wish.links?.length && { links: wish.links }),
    ...(wish.gatewayPriority && { gatewayPriority: wish.gatewayPriority }),
  };
}
