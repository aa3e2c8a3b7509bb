import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Log } from '../../base/log.ts';
import {
  addAddress,
  addPair,
  changeLink,
  configurePort,
  disablePort,
  findLink,
  type Request,
  RouteConnection,
  removeLink,
  setRoute,
} from '../netlink/index.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { createNetworkNamespace, inNetworkNamespace } from '../syscalls/network-namespace.ts';
import { leaveToKernel } from './leaving-namespaces.ts';

const loopback = 1;

/** A network namespace that lives as long as we hold `fd` or a process is in it. */
export interface Namespace {
  fd: number;
  /** speaks inside of it */
  connection: RouteConnection;
}

/** A container's link. */
export interface Wire {
  interfaceName: string;
  /** index inside the container */
  index: number;
  /** the other end of a pair, a port of a bridge; absent: the link lives on one of the host's */
  host?: { name: string; index: number };
}

/** A default route of one family; without a gateway what is for others leaves by the link itself. */
export interface WayOut {
  family: 'ipv4' | 'ipv6';
  gateway?: string;
}

/** A namespace that is plugged into the default bridge already, without an address. */
export interface WiredNamespace {
  namespace: Namespace;
  wire: Wire;
}

export interface Port {
  /** index of the bridge */
  bridge: number;
  mtu: number;
  /** containers of this bridge do not reach each other */
  isolated: boolean;
  /** containers have IPv6 addresses too */
  ipv6: boolean;
}

/** What Docker sets for every container with a network of its own: low ports and ping need no privilege. */
const namespaceSettings = {
  'net/ipv4/ip_unprivileged_port_start': '0',
  'net/ipv4/ping_group_range': '0 2147483647',
};

/** An empty namespace, its loopback up. About 0.7 ms. @throws SyscallError */
export function makeNamespace(): Namespace {
  let connection: RouteConnection | undefined;
  const fd = createNetworkNamespace(() => {
    connection = new RouteConnection();
    connection.request(changeLink(loopback, { up: true }));
    for (const [name, value] of Object.entries(namespaceSettings)) writeSetting(name, value);
  });
  if (!connection) throw new Error('a namespace without a connection');
  return { fd, connection };
}

/** Gives a namespace that belongs to running processes the shape of one that we made. */
export function adoptNamespace(fd: number): Namespace {
  return { fd, connection: inNetworkNamespace(fd, () => new RouteConnection()) };
}

/** The path by which the keeper's child enters; good while this process lives. */
export const namespacePath = ({ fd }: Namespace): string => `/proc/${process.pid}/fd/${fd}`;

/** A new link in the namespace, plugged into a bridge and up, but without addresses. About 0.6 ms. */
export function plugIn(host: RouteConnection, namespace: Namespace, interfaceName: string, port: Port): Wire {
  const name = `ve${randomBytes(6).toString('hex')}`;
  const peer = { name: interfaceName, namespace: namespace.fd };
  host.request(addPair({ name, mtu: port.mtu, master: port.bridge, peer }));
  const hostIndex = indexOf(host, name);
  host.request(changeLink(hostIndex, { up: true, noLinkLocal: true }), configurePort(hostIndex, port));
  const wire = raise(namespace, interfaceName, port.ipv6);
  indexOf(host, name); // as in `raise`
  return { ...wire, host: { name, index: hostIndex } };
}

/** A link that was born in the namespace is up. */
export function raise(namespace: Namespace, interfaceName: string, ipv6: boolean): Wire {
  inNetworkNamespace(namespace.fd, () => {
    writeSetting(`net/ipv6/conf/${interfaceName}/disable_ipv6`, ipv6 ? '0' : '1');
    if (ipv6) writeSetting(`net/ipv6/conf/${interfaceName}/ndisc_notify`, '1');
  });
  namespace.connection.request(changeLink(interfaceName, { up: true }));
  // Asking for a link makes the kernel notice that it is up (Linux 6.8), else its first packets may be lost.
  return { interfaceName, index: indexOf(namespace.connection, interfaceName) };
}

/** Makes a plugged link usable: 0.15 ms, the only part on the way of `docker run`. Without `macAddress` it keeps its own. */
export function configure(
  { connection }: Namespace,
  { index }: Wire,
  settings: {
    macAddress?: string;
    addresses: readonly { address: string; prefixLength: number }[];
    ways: readonly WayOut[];
  },
): void {
  const { addresses, ways, macAddress } = settings;
  const six = addresses.some(({ address }) => address.includes(':'));
  const named = macAddress ? [changeLink(index, { macAddress })] : [];
  connection.request(
    ...named,
    ...addresses.map(address => addAddress({ index, ...address })),
    ...ways.map(way => routeBy(index, way)),
    // Said once more, it makes the kernel tell the neighbours: they may know the address from somebody else.
    ...(six ? named : []),
  );
}

const routeBy = (index: number, { family, gateway }: WayOut): Request =>
  setRoute({ destination: family === 'ipv6' ? '::' : '0.0.0.0', prefixLength: 0, gateway, index });

/** Where what is for others leaves from now on. */
export function leaveBy({ connection }: Namespace, ways: readonly { interfaceName: string; way: WayOut }[]): void {
  if (ways.length === 0) return;
  connection.request(...ways.map(({ interfaceName, way }) => routeBy(indexOf(connection, interfaceName), way)));
}

/** Takes one link away from a container that goes on. The kernel takes its time: some 30 ms. */
export function plugOut(host: RouteConnection, namespace: Namespace | undefined, { host: other, index }: Wire): void {
  if (other && findLink(host, other.name)) host.request(removeLink(other.name));
  if (!other) namespace?.connection.request(removeLink(index));
}

/**
 * Cuts a container off at once and lets the kernel take its namespace and links apart by itself, when the last process
 * has left. (Removing a link by hand costs 28 ms of grace periods.) A link on one of the host's goes now: until then its
 * addresses are taken.
 */
export function dispose(host: RouteConnection, namespace: Namespace, wires: readonly Wire[], log: Log): void {
  for (const wire of wires) {
    try {
      if (wire.host) host.request(disablePort(wire.host.index));
      else plugOut(host, namespace, wire);
    } catch (error) {
      if (!isSyscallError(error, 'ENODEV', 'EINVAL', 'EOPNOTSUPP')) log.warn('a link could not be disabled', { error }); // the kernel was faster
    }
  }
  leaveToKernel(namespace);
}

function indexOf(connection: RouteConnection, name: string): number {
  const link = findLink(connection, name);
  if (!link) throw new Error(`link ${name} is gone`);
  return link.index;
}

/** Of the namespace that the thread is in. A kernel without the setting (no IPv6) needs none, unless it is `required`. */
export function writeSetting(name: string, value: string, { required = false } = {}): void {
  try {
    writeFileSync(`/proc/sys/${name}`, value);
  } catch (error) {
    if (required || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
