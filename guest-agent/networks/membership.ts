import { conflict, forbidden } from '../../contracts/errors.ts';
import type { Ground } from './bridge-network.ts';
import type { Endpoint, EndpointRequest, NetworkRecord } from './contract.ts';
import { checkWish } from './endpoint-checks.ts';
import { plugEndpoint, simpleEndpoint } from './endpoints.ts';
import { type Live, outletOf } from './live.ts';
import type { NamingOffice } from './naming.ts';
import type { NetworkList } from './network-list.ts';
import type { Publishing } from './publishing.ts';
import { leaveBy, plugOut } from './sandbox.ts';

export interface Membership {
  networks: NetworkList;
  ground: Ground;
  publishing: Publishing;
  naming: NamingOffice;
}

/**
 * A running container takes part in one network more; when its default route is better there, it moves, and with it the
 * published ports. Whatever fails is taken back. @throws forbidden when it takes part already
 */
export function joinNetwork(live: Live, network: NetworkRecord, wish: EndpointRequest, rooms: Membership): void {
  const { record, namespace } = live;
  if (record.endpoints.some(endpoint => endpoint.networkId === network.id))
    throw forbidden(`endpoint with name ${record.name} already exists in network ${network.name}`);
  checkWish(wish, network);
  if (!namespace) throw conflict(`container ${record.id} has no network of its own`);
  if (network.driver !== 'bridge') {
    record.endpoints.push(simpleEndpoint(network));
    return;
  }
  const { id, name, naming } = record;
  const member = { id, name, hostname: naming?.hostname ?? '' };
  const holder = { namespace, wires: live.wires, endpoints: [...record.endpoints] };
  try {
    const joined = plugEndpoint(
      { network: rooms.networks.bridgeOf(network), wish, member, outlet: false },
      rooms.ground.host,
      holder,
    );
    live.record = { ...record, endpoints: holder.endpoints };
    settle(live, rooms);
    rooms.naming.joined(live, joined);
  } catch (error) {
    live.record = { ...record, endpoints: holder.endpoints };
    takeBack(live, network, rooms);
    throw error;
  }
}

/** A running container leaves a network; nothing happens if it is not there. */
export function leaveNetwork(live: Live, network: NetworkRecord, rooms: Membership): void {
  const { record } = live;
  const endpoint = record.endpoints.find(({ networkId }) => networkId === network.id);
  if (!endpoint) return;
  live.record = { ...record, endpoints: record.endpoints.filter(one => one !== endpoint) };
  if (endpoint.ipAddress === '') return;
  rooms.naming.left(live, endpoint);
  settle(live, rooms);
  unplug(live, endpoint, rooms);
}

/** The default route and the published ports are where they belong now. */
function settle(live: Live, { publishing }: Membership): void {
  const outlet = outletOf(live.record);
  if (outlet && live.namespace && outlet.endpointId !== live.outlet?.endpointId)
    leaveBy(live.namespace, outlet.interfaceName, [outlet.gateway, outlet.ipv6Gateway ?? ''].filter(Boolean));
  publishing.follow(live);
}

function unplug(live: Live, endpoint: Endpoint, { networks, ground }: Membership): void {
  const wire = live.wires.find(({ hostInterface }) => hostInterface === endpoint.hostInterface);
  if (wire) {
    live.wires.splice(live.wires.indexOf(wire), 1);
    plugOut(ground.host, wire);
  }
  networks.findBridge(endpoint.networkId)?.giveBack(endpoint);
}

/** After a failure: the endpoint as far as it came to be, or only its link. */
function takeBack(live: Live, network: NetworkRecord, rooms: Membership): void {
  leaveNetwork(live, network, rooms);
  const known = new Set(live.record.endpoints.map(({ hostInterface }) => hostInterface));
  for (const wire of live.wires.filter(({ hostInterface }) => !known.has(hostInterface))) {
    live.wires.splice(live.wires.indexOf(wire), 1);
    plugOut(rooms.ground.host, wire);
  }
}
