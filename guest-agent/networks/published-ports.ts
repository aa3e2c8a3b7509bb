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
import { DatagramRelay } from './datagram-relay.ts';
import { ipv4Text, requireIpv4 } from './ipv4.ts';
import { ipv6Text, parseIpv6 } from './ipv6.ts';
import { holderOf } from './port-holder.ts';
import { PortRelay, type Relay } from './port-relay.ts';

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
  EPROTONOSUPPORT: 'protocol not supported',
};

/**
 * What a network does with ports of the host's IPv4 and IPv6 addresses. `routed`: nothing, containers are reached at their
 * own; `relayed`: they have no IPv6, and visitors who come by it are joined to them, by TCP and UDP.
 */
export interface Reach {
  four: 'translated' | 'routed' | 'none';
  six: 'translated' | 'routed' | 'relayed' | 'none';
}

/** A port that is held. */
interface Holder {
  fd: number;
  /** the container's name */
  by: string;
  relay?: Relay;
}

/**
 * The host's ports that containers have. Each is held by a socket bound to it for as long as it is published, so that
 * other programs see it taken and we see theirs. Packets are translated before they reach these sockets; whom the kernel
 * cannot translate gets to one of IPv6, and from there to the container ({@link PortRelay}, {@link DatagramRelay}).
 */
export class PublishedPorts {
  readonly #holders = new Map<string, Holder>();
  readonly #addressesOfOthers: boolean;
  #next = 0;

  /** `addressesOfOthers`: the addresses that users name are those of the host of this machine; ours stand for them. */
  constructor({ addressesOfOthers = false } = {}) {
    this.#addressesOfOthers = addressesOfOthers;
  }

  /**
   * Takes a port for each mapping, or none; one for every address has the same number in both families. @throws internal,
   * in Docker's words, when one is taken: `Bind for 0.0.0.0:80 failed: port is already allocated` (by us), `failed to
   * bind host port 0.0.0.0:80/tcp: address already in use`, and who has it
   */
  take(mappings: readonly PortMapping[], { reach, by }: { reach: Reach; by: string }): PublishedPort[] {
    const taken: PublishedPort[] = [];
    try {
      for (const mapping of mappings) taken.push(...this.#takeOne(mapping, reach, by));
      return taken;
    } catch (error) {
      this.giveBack(taken);
      throw error;
    }
  }

  /** Where those are joined to who come to a port by IPv6 and cannot be translated; undefined: nobody serves. */
  lead(port: PublishedPort, host: string | undefined): void {
    const holder = this.#holders.get(keyOf(port));
    if (!holder || !isSix(port) || port.protocol === 'sctp' || this.#addressesOfOthers) return;
    if (host) holder.relay ??= new (port.protocol === 'udp' ? DatagramRelay : PortRelay)(holder.fd);
    if (holder.relay) holder.relay.target = host === undefined ? undefined : { host, port: port.containerPort };
  }

  /** Any number of times. */
  giveBack(ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      const key = keyOf(port);
      const holder = this.#holders.get(key);
      if (!holder) continue;
      this.#holders.delete(key);
      if (holder.relay) holder.relay.close();
      else closeDescriptor(holder.fd);
    }
  }

  #takeOne(mapping: PortMapping, reach: Reach, by: string): PublishedPort[] {
    const { protocol, containerPort } = mapping;
    const isRouted = (hostIp: string): boolean => (hostIp.includes(':') ? reach.six : reach.four) === 'routed';
    const addresses = addressesFor(mapping, reach);
    const take = (hostPort: number): PublishedPort[] =>
      this.#holdAll(
        addresses.map(hostIp =>
          isRouted(hostIp)
            ? { containerPort, protocol, hostIp: hostIp.includes(':') ? everywhere6 : everywhere, hostPort: 0 }
            : { containerPort, protocol, hostIp, hostPort },
        ),
        by,
      );
    if (addresses.every(isRouted)) return take(0);
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
  #holdAll(ports: readonly PublishedPort[], by: string): PublishedPort[] {
    const held: PublishedPort[] = [];
    try {
      for (const port of ports) held.push(this.#hold(port, by));
      return held;
    } catch (error) {
      this.giveBack(held);
      throw error;
    }
  }

  #hold(port: PublishedPort, by: string): PublishedPort {
    if (port.hostPort === 0) return port;
    const other = this.#conflicting(port);
    if (other)
      throw new PortTaken(
        `Bind for ${other.hostIp}:${port.hostPort} failed: port is already allocated (by the container ${other.by})`,
      );
    const fd = bindHolder(this.#addressesOfOthers ? { ...port, hostIp: oursFor(port) } : port);
    this.#holders.set(keyOf(port), { fd, by });
    return port;
  }

  /** Which of our containers has this port already, and on which address. */
  #conflicting(port: PublishedPort): { hostIp: string; by: string } | undefined {
    const all = isSix(port) ? everywhere6 : everywhere;
    for (const hostIp of new Set([port.hostIp, all])) {
      const holder = this.#holders.get(keyOf({ ...port, hostIp }));
      if (holder) return { hostIp, by: holder.by };
    }
    if (port.hostIp !== all) return undefined;
    const suffix = `:${port.hostPort}/${port.protocol}`;
    const found = [...this.#holders].find(([key]) => key.endsWith(suffix) && key.startsWith('[') === isSix(port));
    return found && { hostIp: found[0].slice(0, -suffix.length).replace(/^\[(.*)\]$/, '$1'), by: found[1].by };
  }
}

/** The addresses of the host that a mapping is for. @throws invalid-argument for what is none, or cannot lead to a container */
function addressesFor({ hostIp, protocol }: PortMapping, { four, six }: Reach): string[] {
  const hasSix = six === 'relayed' ? protocol !== 'sctp' : six !== 'none';
  const hasFour = four !== 'none';
  if (!hostIp) return [...(hasFour ? [everywhere] : []), ...(hasSix ? [everywhere6] : [])];
  const address = checkedAddress(hostIp);
  if (address.includes(':') ? hasSix : hasFour) return [address];
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  throw invalidArgument(`cannot publish on ${family} address ${hostIp}: the network has no ${family}`);
}

const oursFor = ({ hostIp }: PublishedPort): string => (hostIp.startsWith('127.') ? hostIp : everywhere);

class PortTaken extends Error {}

const isTaken = (error: unknown): boolean =>
  error instanceof PortTaken || (error instanceof Error && isSyscallError(error.cause, 'EADDRINUSE'));

const isSix = ({ hostIp }: PublishedPort): boolean => hostIp.includes(':');

const keyOf = (port: PublishedPort): string =>
  `${isSix(port) ? `[${port.hostIp}]` : port.hostIp}:${port.hostPort}/${port.protocol}`;

/** As it is written usually. @throws invalid-argument */
function checkedAddress(text: string): string {
  if (!text.includes(':')) return ipv4Text(requireIpv4(text));
  const value = parseIpv6(text.replace(/^\[(.*)\]$/, '$1'));
  if (value === undefined) throw invalidArgument(`invalid IP address: ${text}`);
  return ipv6Text(value);
}

/** A socket that only holds a port. @throws internal in Docker's words, and who has the port */
function bindHolder(port: PublishedPort): number {
  try {
    return boundSocket(port);
  } catch (error) {
    if (!isSyscallError(error)) throw error;
    const holder = error.code === 'EADDRINUSE' ? holderOf(port.hostPort, port.protocol) : undefined;
    const known = holder ? ` (by ${holder})` : '';
    throw internal(`failed to bind host port ${keyOf(port)}: ${words[error.code] ?? error.code}${known}`, {
      cause: error,
    });
  }
}

/** TCP listens, or a server with SO_REUSEADDR could still have the port. @throws SyscallError */
function boundSocket(port: PublishedPort): number {
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
    throw error;
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
    map[key] = [...(map[key] ?? []), { HostIp: hostIp, HostPort: hostPort ? String(hostPort) : '' }];
  }
  return map;
}
