import type { RouteConnection } from './connection.ts';
import { familyOf, inetBytes, inetText } from './inet.ts';
import { type Attribute, decodeAttributes, NLM_F_CREATE, NLM_F_EXCL, type Request, u32 } from './message.ts';

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_F_NODAD = 2;

/** An address of a link. */
export interface LinkAddress {
  index: number;
  /** dotted, or with colons */
  address: string;
  prefixLength: number;
}

/**
 * Gives an address to a link, an IPv4 one with its broadcast address; its subnet's route comes by itself once the link is
 * up. Nobody is asked whether an IPv6 one is free: it is ours to give.
 */
export function addAddress({ index, address, prefixLength }: LinkAddress): Request {
  const local = inetBytes(address);
  const family = familyOf(address);
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    head: addressHead(index, prefixLength, family),
    attributes: [
      [IFA_LOCAL, local],
      [IFA_ADDRESS, local],
      ...(family === AF_INET ? [[IFA_BROADCAST, broadcastOf(local, prefixLength)] satisfies Attribute] : []),
    ],
    subject: `address ${address}/${prefixLength}`,
  };
}

function broadcastOf(address: Buffer, prefixLength: number): Buffer {
  const broadcast = u32(0);
  broadcast.writeUInt32BE((address.readUInt32BE() | (prefixLength === 0 ? ~0 : 2 ** (32 - prefixLength) - 1)) >>> 0);
  return broadcast;
}

export function removeAddress({ index, address, prefixLength }: LinkAddress): Request {
  return {
    type: RTM_DELADDR,
    flags: 0,
    head: addressHead(index, prefixLength),
    attributes: [[IFA_LOCAL, inetBytes(address)]],
    subject: `address ${address}/${prefixLength}`,
  };
}

/** All IPv4 addresses of the namespace. */
export function listAddresses(connection: RouteConnection): LinkAddress[] {
  const request = { type: RTM_GETADDR, flags: 0, head: addressHead(0, 0), attributes: [], subject: 'addresses' };
  return connection.query(request, { dump: true }).flatMap(({ payload }) => {
    const attributes = decodeAttributes(payload.subarray(8));
    const local = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
    if (!local) return [];
    return [{ index: payload.readUInt32LE(4), address: inetText(local), prefixLength: payload.readUInt8(1) }];
  });
}

/** `struct ifaddrmsg`. */
function addressHead(index: number, prefixLength: number, family = AF_INET): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(family, 0);
  head.writeUInt8(prefixLength, 1);
  if (family !== AF_INET) head.writeUInt8(IFA_F_NODAD, 2);
  head.writeUInt32LE(index, 4);
  return head;
}
