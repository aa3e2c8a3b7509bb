import type { RouteConnection } from './connection.ts';
import { familyOf, inetBytes, inetText } from './inet.ts';
import { type Attribute, decodeAttributes, NLM_F_CREATE, NLM_F_REPLACE, type Request, u32 } from './message.ts';

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;

/** A route of the main table. */
export interface Route {
  /** `0.0.0.0` or `::` with length 0 is the default route */
  destination: string;
  prefixLength: number;
  gateway?: string;
  /** index of the link it leaves by */
  index: number;
}

/** Adds a route, or puts it in the place of one with the same destination. */
export function setRoute({ destination, prefixLength, gateway, index }: Route): Request {
  const attributes: Attribute[] = [[RTA_OIF, u32(index)]];
  if (prefixLength > 0) attributes.push([RTA_DST, inetBytes(destination)]);
  if (gateway !== undefined) attributes.push([RTA_GATEWAY, inetBytes(gateway)]);
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    head: routeHead(prefixLength, gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, familyOf(destination)),
    attributes,
    subject: `route ${destination}/${prefixLength}`,
  };
}

/** The IPv4 routes of the main table. */
export function listRoutes(connection: RouteConnection): Route[] {
  const request = { type: RTM_GETROUTE, flags: 0, head: routeHead(0, 0), attributes: [], subject: 'routes' };
  return connection.query(request, { dump: true }).flatMap(({ payload }) => {
    const attributes = decodeAttributes(payload.subarray(12));
    const table = attributes.get(RTA_TABLE)?.readUInt32LE() ?? payload.readUInt8(4);
    if (table !== RT_TABLE_MAIN || payload.readUInt8(7) !== RTN_UNICAST) return [];
    const gateway = attributes.get(RTA_GATEWAY);
    return [
      {
        destination: inetText(attributes.get(RTA_DST) ?? Buffer.alloc(4)),
        prefixLength: payload.readUInt8(1),
        ...(gateway && { gateway: inetText(gateway) }),
        index: attributes.get(RTA_OIF)?.readUInt32LE() ?? 0,
      },
    ];
  });
}

/** `struct rtmsg`. */
function routeHead(prefixLength: number, scope: number, family = AF_INET): Buffer {
  return Buffer.from([family, prefixLength, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, 0, 0, 0, 0]);
}
