import { randomBytes } from 'node:crypto';
import { invalidArgument } from '../../contracts/errors.ts';
import type { RouteConnection } from '../netlink/index.ts';
import type { BridgeNetwork } from './bridge-network.ts';
import type { ConnectRequest, Endpoint, EndpointRequest, NetworkRecord } from './contract.ts';
import { macOf } from './ipam.ts';
import type { NetworkList } from './network-list.ts';
import type { ReadyPool } from './ready-pool.ts';
import { configure, type Namespace, plugIn, type Wire, type WiredNamespace } from './sandbox.ts';

/** What a container gets: told bit by bit, so that whatever exists can be given back when the next bit fails. */
export interface Holder {
  namespace?: Namespace;
  readonly wires: Wire[];
  readonly endpoints: Endpoint[];
}

interface Join {
  network: BridgeNetwork;
  wish: EndpointRequest;
}

/** Takes part in all networks of the request: the one of `mode` first, the others by name; the first leads outside. */
export function plugEndpoints(
  request: ConnectRequest,
  rooms: { networks: NetworkList; host: RouteConnection; wired: ReadyPool<WiredNamespace>; bare: ReadyPool<Namespace> },
  holder: Holder,
): void {
  const joins = joinsOf(request, rooms.networks);
  const outlet = joins.find(({ network }) => network.gateway !== undefined);
  const predefined = joins[0]?.network.record.predefined === true;
  if (predefined) {
    const ready = rooms.wired.take();
    holder.namespace = ready.namespace;
    holder.wires.push(ready.wire);
  } else {
    holder.namespace = rooms.bare.take();
  }
  for (const [position, join] of joins.entries()) {
    const { namespace } = holder;
    const { network } = join;
    const wire = holder.wires[position] ?? plugIn(rooms.host, namespace, `eth${position}`, network.port);
    if (!holder.wires.includes(wire)) holder.wires.push(wire);
    const endpoint = newEndpoint(join, wire, request);
    holder.endpoints.push(endpoint);
    const { ipAddress: address, prefixLength, macAddress } = endpoint;
    const gateway = join === outlet ? network.gateway : undefined;
    configure(namespace, wire, { address, prefixLength, macAddress, ...(gateway && { gateway }) });
  }
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
  const main = networks.get(request.mode);
  const wishes = Object.entries(request.networks ?? {}).map(([ref, wish]) => ({ record: networks.get(ref), wish }));
  const others = wishes
    .filter(({ record }) => record.id !== main.id)
    .sort((one, other) => one.record.name.localeCompare(other.record.name));
  const first = wishes.find(({ record }) => record.id === main.id)?.wish ?? {};
  return [{ record: main, wish: first }, ...others].map(({ record, wish }) => {
    if (record.driver !== 'bridge')
      throw invalidArgument('container cannot be connected to network endpoints: host-mode or none is alone');
    if (wish.ipAddress && record.predefined)
      throw invalidArgument('user specified IP address is supported on user defined networks only');
    return { network: networks.bridgeOf(record), wish };
  });
}

function newEndpoint({ network, wish }: Join, wire: Wire, request: ConnectRequest): Endpoint {
  const ipAddress = network.addresses.allocate(wish.ipAddress || undefined);
  const wantedMac = wish.macAddress || (wire.interfaceName === 'eth0' ? request.macAddress : undefined);
  return {
    networkId: network.record.id,
    networkName: network.record.name,
    endpointId: randomBytes(32).toString('hex'),
    interfaceName: wire.interfaceName,
    hostInterface: wire.hostInterface,
    ipAddress,
    prefixLength: network.addresses.prefixLength,
    gateway: network.gateway ?? '',
    macAddress: wantedMac || macOf(ipAddress),
    aliases: [...new Set([...(wish.aliases ?? []), ...(request.aliases ?? [])])],
  };
}
