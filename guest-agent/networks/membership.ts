import { conflict, forbidden } from '../../contracts/errors.ts';
import type { Endpoint, EndpointRequest, NetworkRecord } from './contract.ts';
import type { Ground } from './driver-network.ts';
import { checkWish } from './endpoint-checks.ts';
import { plugEndpoint, simpleEndpoint } from './endpoints.ts';
import { type Live, waysOut } from './live.ts';
import type { NamingOffice } from './naming.ts';
import type { NetworkList } from './network-list.ts';
import type { Publishing } from './publishing.ts';
import { leaveBy, plugOut, type Wire } from './sandbox.ts';

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
  if (network.configOnly) throw forbidden('cannot create endpoint on configuration-only network');
  if (network.driver === 'host' || network.driver === 'null') {
    record.endpoints.push(simpleEndpoint(network));
    return;
  }
  const { id, name, naming } = record;
  const member = { id, name, hostname: naming?.hostname ?? '' };
  const holder = { namespace, wires: live.wires, endpoints: [...record.endpoints] };
  try {
    const joined = plugEndpoint({ network: rooms.networks.networkOf(network), wish, member, alone: false }, holder);
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
  if (endpoint.interfaceName === '') return;
  rooms.naming.left(live, endpoint);
  settle(live, rooms);
  unplug(live, endpoint, rooms);
}

/** The default routes and the published ports are where they belong now. */
function settle(live: Live, { publishing }: Membership): void {
  if (live.namespace) leaveBy(live.namespace, waysOut(live.record.endpoints));
  publishing.follow(live);
}

function unplug(live: Live, endpoint: Endpoint, { networks, ground }: Membership): void {
  for (const wire of live.wires.filter(({ interfaceName }) => interfaceName === endpoint.interfaceName))
    plugOutOf(live, wire, ground);
  networks.find(endpoint.networkId)?.addresses.giveBack(endpoint);
}

function plugOutOf(live: Live, wire: Wire, { host }: Ground): void {
  live.wires.splice(live.wires.indexOf(wire), 1);
  plugOut(host, live.namespace, wire);
}

/** After a failure: the endpoint as far as it came to be, or only its link. */
function takeBack(live: Live, network: NetworkRecord, rooms: Membership): void {
  leaveNetwork(live, network, rooms);
  const known = new Set(live.record.endpoints.map(({ interfaceName }) => interfaceName));
  for (const wire of live.wires.filter(({ interfaceName }) => !known.has(interfaceName)))
    plugOutOf(live, wire, rooms.ground);
}
