import { isSyscallError } from '../syscalls/libc.ts';
import type { RouteConnection } from './connection.ts';
import {
  type Attribute,
  decodeAttributes,
  decodeText,
  encodeAttributes,
  type Message,
  NLM_F_CREATE,
  NLM_F_EXCL,
  type Request,
  text,
  u8,
  u32,
} from './message.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const AF_BRIDGE = 7;
const AF_INET6 = 10;
const IFF_UP = 1;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_PROTINFO = 12;
const IFLA_LINKINFO = 18;
const IFLA_STATS64 = 23;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_BR_MCAST_SNOOPING = 23;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_STATE = 1;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_FLUSH = 24;
const IFLA_BRPORT_ISOLATED = 33;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_MODE_NONE = 1;
const portDisabled = 0;

export interface LinkStatistics {
  rxPackets: number;
  txPackets: number;
  rxBytes: number;
  txBytes: number;
  rxErrors: number;
  txErrors: number;
  rxDropped: number;
  txDropped: number;
}

export interface Link {
  index: number;
  name: string;
  up: boolean;
  mtu: number;
  macAddress: string;
  /** index of the bridge it is a port of; 0: none */
  master: number;
  /** `bridge`, `veth` … ; empty for hardware and lo */
  kind: string;
  statistics: LinkStatistics;
}

/** What may be set on a link; absent leaves it as it is. */
export interface LinkChange {
  name?: string;
  macAddress?: string;
  mtu?: number;
  master?: number;
  up?: boolean;
  /** no link-local IPv6 address comes by itself */
  noLinkLocal?: boolean;
}

/** A link is named by its index or, where only that is known, by its name. */
export type LinkRef = number | string;

/** Six bytes of `02:42:ac:11:00:02`. */
export const macBytes = (address: string): Buffer => Buffer.from(address.replaceAll(':', ''), 'hex');
export const macText = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');

/** A new bridge, down. */
export const addBridge = (request: { name: string; macAddress?: string; mtu?: number }): Request =>
  newLink('bridge', request, [[IFLA_BR_MCAST_SNOOPING, u8(0)]]); // nobody queries on such a bridge: flooding is right

/** A pair of links whose other end is born in the network namespace `peer.namespace` (a descriptor), with its final name. */
export function addPair(request: {
  name: string;
  mtu: number;
  macAddress?: string;
  master?: number;
  up?: boolean;
  peer: { name: string; namespace?: number; macAddress?: string; up?: boolean };
}): Request {
  const { peer, ...link } = request;
  const peerAttributes = [...changes({ name: peer.name, mtu: request.mtu, macAddress: peer.macAddress })];
  if (peer.namespace !== undefined) peerAttributes.push([IFLA_NET_NS_FD, u32(peer.namespace)]);
  const peerData = Buffer.concat([linkHead({ up: peer.up }), encodeAttributes(peerAttributes)]);
  return newLink('veth', link, [[VETH_INFO_PEER, peerData]]);
}

/** A new link of a kind, with what the kind alone understands, on top of another link or on none; down unless `up`. */
export function newLink(
  kind: string,
  link: LinkChange & { name: string; parent?: number; namespace?: number },
  data: Attribute[],
): Request {
  const { parent, namespace, ...change } = link;
  const info: Attribute[] = [
    [IFLA_INFO_KIND, text(kind)],
    [IFLA_INFO_DATA, data],
  ];
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    head: linkHead({ up: change.up }),
    attributes: [
      ...changes(change),
      ...(parent === undefined ? [] : [[IFLA_LINK, u32(parent)] satisfies Attribute]),
      ...(namespace === undefined ? [] : [[IFLA_NET_NS_FD, u32(namespace)] satisfies Attribute]),
      [IFLA_LINKINFO, info],
    ],
    subject: `${kind} ${link.name}`,
  };
}

export function changeLink(link: LinkRef, change: LinkChange): Request {
  const index = typeof link === 'number' ? link : 0;
  const named: Attribute[] = typeof link === 'string' ? [[IFLA_IFNAME, text(link)]] : [];
  return {
    type: RTM_NEWLINK,
    flags: 0,
    head: linkHead({ index, up: change.up }),
    attributes: [...named, ...changes(change)],
    subject: `link ${link}`,
  };
}

/**
 * No frame passes a bridge's port any more, and the bridge forgets who lived behind it: another may have the same
 * addresses at once. Costs no grace period in the kernel, unlike taking the port off.
 */
export const disablePort = (index: number): Request =>
  portRequest(index, [
    [IFLA_BRPORT_STATE, u8(portDisabled)],
    [IFLA_BRPORT_FLUSH, Buffer.alloc(0)],
  ]);

/**
 * How a bridge treats a port. Frames may go back where they came from (hairpin): with br_netfilter, a container that
 * visits its own published port is answered inside the bridge. Isolated ports do not reach each other.
 */
export const configurePort = (index: number, { isolated }: { isolated: boolean }): Request =>
  portRequest(index, [
    [IFLA_BRPORT_MODE, u8(1)],
    [IFLA_BRPORT_ISOLATED, u8(isolated ? 1 : 0)],
  ]);

export function removeLink(link: LinkRef): Request {
  return { ...changeLink(link, {}), type: RTM_DELLINK };
}

/** The link, or undefined. */
export function findLink(connection: RouteConnection, link: LinkRef): Link | undefined {
  try {
    const [message] = connection.query({ ...changeLink(link, {}), type: RTM_GETLINK }, { dump: false });
    return message && decodeLink(message);
  } catch (error) {
    if (isSyscallError(error, 'ENODEV')) return undefined;
    throw error;
  }
}

export function listLinks(connection: RouteConnection): Link[] {
  const request = { type: RTM_GETLINK, flags: 0, head: linkHead({}), attributes: [], subject: 'links' };
  return connection.query(request, { dump: true }).map(decodeLink);
}

export function decodeLink({ payload }: Message): Link {
  const attributes = decodeAttributes(payload.subarray(16));
  const info = attributes.get(IFLA_LINKINFO);
  const kind = info && decodeAttributes(info).get(IFLA_INFO_KIND);
  return {
    index: payload.readInt32LE(4),
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    name: decodeText(attributes.get(IFLA_IFNAME) ?? Buffer.alloc(0)),
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE() ?? 0,
    macAddress: macText(attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0)),
    master: attributes.get(IFLA_MASTER)?.readUInt32LE() ?? 0,
    kind: kind ? decodeText(kind) : '',
    statistics: decodeStatistics(attributes.get(IFLA_STATS64)),
  };
}

/** The first eight counters of `struct rtnl_link_stats64`. */
function decodeStatistics(bytes: Buffer | undefined): LinkStatistics {
  const at = (position: number): number => (bytes ? Number(bytes.readBigUInt64LE(position * 8)) : 0);
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
  };
}

/** `struct ifinfomsg`; `up` undefined leaves the flag alone. */
function linkHead({ index = 0, up, family = 0 }: { index?: number; up?: boolean; family?: number }): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt8(family, 0);
  head.writeInt32LE(index, 4);
  if (up !== undefined) {
    head.writeUInt32LE(up ? IFF_UP : 0, 8);
    head.writeUInt32LE(IFF_UP, 12);
  }
  return head;
}

function changes(change: LinkChange): Attribute[] {
  const attributes: Attribute[] = [];
  if (change.name !== undefined) attributes.push([IFLA_IFNAME, text(change.name)]);
  if (change.macAddress !== undefined) attributes.push([IFLA_ADDRESS, macBytes(change.macAddress)]);
  if (change.mtu !== undefined) attributes.push([IFLA_MTU, u32(change.mtu)]);
  if (change.master !== undefined) attributes.push([IFLA_MASTER, u32(change.master)]);
  if (change.noLinkLocal)
    attributes.push([IFLA_AF_SPEC, [[AF_INET6, [[IFLA_INET6_ADDR_GEN_MODE, u8(ADDR_GEN_MODE_NONE)]]]]]);
  return attributes;
}

function portRequest(index: number, port: Attribute[]): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    head: linkHead({ index, family: AF_BRIDGE }),
    attributes: [[IFLA_PROTINFO, port]],
    subject: `bridge port ${index}`,
  };
}
