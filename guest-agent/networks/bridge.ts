import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Log } from '../../base/log.ts';
import { conflict } from '../../contracts/errors.ts';
import {
  addAddress,
  addBridge,
  changeLink,
  findLink,
  type Link,
  listAddresses,
  listLinks,
  listRoutes,
  macText,
  type RouteConnection,
  removeAddress,
  removeLink,
} from '../netlink/index.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import type { Subnet } from './contract.ts';
import { type Block, blockOf, parseCidr, requireIpv4 } from './ipv4.ts';

const defaultMtu = 1500;

export interface BridgeSpec {
  name: string;
  /** of which the bridge has an address */
  four?: Subnet;
  six?: Subnet;
  /** containers have IPv6, also where the bridge has no address of it */
  ipv6: boolean;
  mtu: number;
}

/** Makes the bridge, or makes it right again, and returns its index. What a former engine left plugged in stays. */
export function ensureBridge(host: RouteConnection, spec: BridgeSpec, log: Log): number {
  const { index } = findLink(host, spec.name) ?? makeBridge(host, spec);
  const wanted = spec.four && {
    address: spec.four.gateway,
    prefixLength: parseCidr(spec.four.subnet).block.prefixLength,
  };
  const isWanted = (one: { address: string; prefixLength: number }): boolean =>
    one.address === wanted?.address && one.prefixLength === wanted.prefixLength;
  const present = listAddresses(host).filter(address => address.index === index);
  const missing = wanted && !present.some(isWanted) ? [addAddress({ index, ...wanted })] : [];
  const wrong = present.filter(one => !isWanted(one)).map(removeAddress);
  host.request(...wrong, ...missing, changeLink(index, { up: true, mtu: spec.mtu, noLinkLocal: !spec.six }));
  writeSettings(spec, log);
  if (spec.six) addGateway6(host, index, spec.six);
  return index;
}

function makeBridge(host: RouteConnection, { name, mtu }: BridgeSpec): Link {
  const macAddress = `02:42:${macText(randomBytes(4))}`; // fixed, or it would change with every port
  host.request(addBridge({ name, macAddress, mtu }));
  const link = findLink(host, name);
  if (!link) throw conflict(`bridge ${name} disappeared`);
  return link;
}

export function removeBridge(host: RouteConnection, name: string): void {
  if (findLink(host, name)?.kind === 'bridge') host.request(removeLink(name));
}

/** The host's links that are plugged into a bridge. */
export const portsOf = (host: RouteConnection, bridge: number): Link[] =>
  listLinks(host).filter(link => link.master === bridge);

/** The address blocks that the host reaches already, other than through one of `ours` (bridges). */
export function routedBlocks(host: RouteConnection, ours: readonly string[]): Block[] {
  const own = new Set(ours.map(name => findLink(host, name)?.index));
  return listRoutes(host)
    .filter(route => route.prefixLength > 0 && !own.has(route.index))
    .map(route => blockOf(requireIpv4(route.destination), route.prefixLength));
}

/** Where the default route leads. */
export const outerGateway = (host: RouteConnection): string | undefined =>
  listRoutes(host).find(route => route.prefixLength === 0)?.gateway;

/** As large as what leaves the host may be: packets of containers are not to be cut on the way. */
export function outerMtu(host: RouteConnection): number {
  const way = listRoutes(host).find(route => route.prefixLength === 0);
  const mtu = way && findLink(host, way.index)?.mtu;
  return Math.min(mtu ?? defaultMtu, defaultMtu);
}

function addGateway6(host: RouteConnection, index: number, { subnet, gateway }: Subnet): void {
  try {
    host.request(addAddress({ index, address: gateway, prefixLength: Number(subnet.split('/')[1]) }));
  } catch (error) {
    if (!isSyscallError(error, 'EEXIST')) throw error;
  }
}

/** The kernel has IPv6, and its owner has not switched it off. */
export function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'utf8').trim() === '0';
  } catch {
    return false;
  }
}

/** A host that forwards hears no more router advertisements, unless its links are told to: its own way out may be one. */
function keptAdvertisements(): Record<string, string> {
  const links = readdirSync('/proc/sys/net/ipv6/conf').map(name => `net/ipv6/conf/${name}/accept_ra`);
  return Object.fromEntries(links.filter(isHearing).map(setting => [setting, '2']));
}

/** A link may go meanwhile: every container that ends takes its own along. */
function isHearing(setting: string): boolean {
  try {
    return readFileSync(`/proc/sys/${setting}`, 'utf8').trim() === '1';
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** `route_localnet` is what lets the host's own 127.0.0.1 be published; the firewall's guard makes it safe (CVE-2020-8558). */
function writeSettings({ name: bridge, six, ipv6 }: BridgeSpec, log: Log): void {
  const settings = {
    'net/ipv4/ip_forward': '1',
    [`net/ipv4/conf/${bridge}/route_localnet`]: '1',
    [`net/ipv6/conf/${bridge}/accept_ra`]: '0',
    [`net/ipv6/conf/${bridge}/disable_ipv6`]: ipv6 ? '0' : '1',
    ...(six ? { ...keptAdvertisements(), 'net/ipv6/conf/all/forwarding': '1' } : {}),
  };
  for (const [name, value] of Object.entries(settings)) {
    try {
      writeFileSync(`/proc/sys/${name}`, value);
    } catch (error) {
      const harmless = name.includes('ipv6') && (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!harmless) log.warn(`sysctl ${name.replaceAll('/', '.')} could not be set`, { error });
    }
  }
}
