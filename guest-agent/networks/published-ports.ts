import { readFileSync } from 'node:fs';
import { internal, invalidArgument, unavailable } from '../../contracts/errors.ts';
import { inetBytes } from '../netlink/index.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import {
  AF_INET,
  AF_INET6,
  bindSocket,
  closeDescriptor,
  inet6Address,
  inetAddress,
  listenSocket,
  openSocket,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  setSocketNumber,
} from '../syscalls/socket.ts';
import type { PortMap, PortMapping, Protocol, PublishedPort } from './contract.ts';
import { ipv4Text, requireIpv4 } from './ipv4.ts';
import { ipv6Text, parseIpv6 } from './ipv6.ts';

const everywhere = '0.0.0.0';
const everywhere6 = '::';
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPPROTO_SCTP = 132;
const fallbackRange = [32768, 60999] as const;

const words: Record<string, string> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
};

/**
 * The host's ports that containers have. Each is held by a socket bound to it for as long as it is published, so that
 * other programs see it taken and we see theirs. Packets never reach these sockets: they are translated before.
 */
export class PublishedPorts {
  readonly #holders = new Map<string, number>();
  readonly #addressesOfOthers: boolean;
  #next = 0;

  /** `addressesOfOthers`: the addresses that users name are those of the host of this machine; ours stand for them. */
  constructor({ addressesOfOthers = false } = {}) {
    this.#addressesOfOthers = addressesOfOthers;
  }

  /**
   * Takes a port for each mapping, or none. @throws internal, in Docker's words, when one is taken: `Bind for
   * 0.0.0.0:80 failed: port is already allocated` (by us), `failed to bind host port 0.0.0.0:80/tcp: address already in use`.
   * `both`: a mapping for every address is one for every IPv6 address as well, with the same number
   */
  take(mappings: readonly PortMapping[], { both = false } = {}): PublishedPort[] {
    const taken: PublishedPort[] = [];
    try {
      for (const mapping of mappings) taken.push(...this.#takeOne(mapping, both));
      return taken;
    } catch (error) {
      this.giveBack(taken);
      throw error;
    }
  }

  /** Any number of times. */
  giveBack(ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      const key = keyOf(port);
      const fd = this.#holders.get(key);
      if (fd === undefined) continue;
      this.#holders.delete(key);
      closeDescriptor(fd);
    }
  }

  #takeOne(mapping: PortMapping, both: boolean): PublishedPort[] {
    const { protocol, containerPort } = mapping;
    const hostIp = mapping.hostIp ? checkedAddress(mapping.hostIp, both) : everywhere;
    const addresses = both && !mapping.hostIp ? [everywhere, everywhere6] : [hostIp];
    const take = (hostPort: number): PublishedPort[] =>
      this.#holdAll(addresses.map(address => ({ containerPort, protocol, hostIp: address, hostPort })));
    if (!mapping.hostPort) return this.#firstFree(ephemeralRange(), take, true);
    if (!mapping.hostPortEnd || mapping.hostPortEnd === mapping.hostPort) return take(mapping.hostPort);
    return this.#firstFree([mapping.hostPort, mapping.hostPortEnd], take, false);
  }

  /** Tries each port of a range; a round-robin one starts after the last that it gave, so that a port rests before it is used again. */
  #firstFree(
    [low, high]: readonly [number, number],
    take: (port: number) => PublishedPort[],
    roundRobin: boolean,
  ): PublishedPort[] {
    const count = high - low + 1;
    const start = roundRobin ? Math.max(0, this.#next - low) : 0;
    for (let step = 0; step < count; step++) {
      const port = low + ((start + step) % count);
      try {
        const taken = take(port);
        if (roundRobin) this.#next = port + 1;
        return taken;
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
    }
    throw unavailable('all ports are allocated');
  }

  /** All of them, or none. */
  #holdAll(ports: readonly PublishedPort[]): PublishedPort[] {
    const held: PublishedPort[] = [];
    try {
      for (const port of ports) held.push(this.#hold(port));
      return held;
    } catch (error) {
      this.giveBack(held);
      throw error;
    }
  }

  #hold(port: PublishedPort): PublishedPort {
    const holder = this.#conflicting(port);
    if (holder) throw new PortTaken(`Bind for ${holder}:${port.hostPort} failed: port is already allocated`);
    this.#holders.set(keyOf(port), bindHolder(this.#addressesOfOthers ? { ...port, hostIp: oursFor(port) } : port));
    return port;
  }

  /** The address on which one of our containers has this port already. */
  #conflicting(port: PublishedPort): string | undefined {
    const sameIp = this.#holders.has(keyOf(port)) ? port.hostIp : undefined;
    if (sameIp !== undefined) return sameIp;
    const all = isSix(port) ? everywhere6 : everywhere;
    if (port.hostIp !== all) return this.#holders.has(keyOf({ ...port, hostIp: all })) ? all : undefined;
    const suffix = `:${port.hostPort}/${port.protocol}`;
    const found = [...this.#holders.keys()].find(key => key.endsWith(suffix) && key.startsWith('[') === isSix(port));
    return found?.slice(0, -suffix.length).replace(/^\[(.*)\]$/, '$1');
  }
}

const oursFor = ({ hostIp }: PublishedPort): string => (hostIp.startsWith('127.') ? hostIp : everywhere);

class PortTaken extends Error {}

const isTaken = (error: unknown): boolean =>
  error instanceof PortTaken || (error instanceof Error && isSyscallError(error.cause, 'EADDRINUSE'));

const isSix = ({ hostIp }: PublishedPort): boolean => hostIp.includes(':');

const keyOf = (port: PublishedPort): string =>
  `${isSix(port) ? `[${port.hostIp}]` : port.hostIp}:${port.hostPort}/${port.protocol}`;

/** @throws invalid-argument for what is no address, or one that cannot be translated to a container's */
function checkedAddress(text: string, both: boolean): string {
  if (!text.includes(':')) return ipv4Text(requireIpv4(text));
  const value = parseIpv6(text.replace(/^\[(.*)\]$/, '$1'));
  if (value === undefined) throw invalidArgument(`invalid IP address: ${text}`);
  if (!both) throw invalidArgument(`cannot publish on IPv6 address ${text}: the network has no IPv6`);
  return ipv6Text(value);
}

/** A socket that only holds a port. TCP listens, or a server with SO_REUSEADDR could still have the port. */
function bindHolder(port: PublishedPort): number {
  const { protocol, hostIp, hostPort } = port;
  const family = isSix(port) ? AF_INET6 : AF_INET;
  const fd = openSocket(family, protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM, protocol === 'sctp' ? IPPROTO_SCTP : 0);
  try {
    if (protocol === 'tcp') setSocketNumber(fd, SOL_SOCKET, SO_REUSEADDR, 1); // as servers do: TIME_WAIT is no conflict
    if (isSix(port)) setSocketNumber(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    const address = inetBytes(hostIp);
    bindSocket(fd, (isSix(port) ? inet6Address : inetAddress)(address, hostPort), keyOf(port));
    if (protocol !== 'udp') listenSocket(fd, 1, keyOf(port));
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    if (!isSyscallError(error)) throw error;
    throw internal(`failed to bind host port ${keyOf(port)}: ${words[error.code] ?? error.code}`, { cause: error });
  }
}

/** Where the kernel, too, takes ports for those who do not care. */
function ephemeralRange(): readonly [number, number] {
  try {
    const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number);
    return low && high && low <= high ? [low, high] : fallbackRange;
  } catch {
    return fallbackRange;
  }
}

/** Every mapping that a container asks for: those it names and, with `publishAll`, its exposed ports. */
export function wantedMappings(request: {
  ports?: readonly PortMapping[];
  exposed?: readonly string[];
  publishAll?: boolean;
}): PortMapping[] {
  const named = request.ports ?? [];
  if (!request.publishAll) return [...named];
  const rest = (request.exposed ?? [])
    .map(parsePort)
    .filter(port => !named.some(one => one.containerPort === port.containerPort && one.protocol === port.protocol));
  return [...named, ...rest];
}

/** `80/tcp` or `80`. @throws invalid-argument */
export function parsePort(text: string): { containerPort: number; protocol: Protocol } {
  const [number = '', protocol = 'tcp'] = text.split('/');
  const containerPort = Number(number);
  if (
    !/^\d+$/.test(number) ||
    containerPort > 65535 ||
    !(protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp')
  )
    throw invalidArgument(`invalid port specification: ${text}`);
  return { containerPort, protocol };
}

/** Docker's document of exposed and published ports. */
export function toPortMap(exposed: readonly string[], published: readonly PublishedPort[]): PortMap {
  const map: PortMap = {};
  for (const text of exposed) {
    const { containerPort, protocol } = parsePort(text);
    map[`${containerPort}/${protocol}`] = null;
  }
  for (const { containerPort, protocol, hostIp, hostPort } of published) {
    const key = `${containerPort}/${protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }];
  }
  return map;
}
