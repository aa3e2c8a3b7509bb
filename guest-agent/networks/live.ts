import type { NameServer } from '../names/index.ts';
import { findLink, type RouteConnection } from '../netlink/index.ts';
import type {
  ConnectRequest,
  Endpoint,
  InterfaceStatistics,
  PublishedPort,
  Sandbox,
  SandboxRecord,
} from './contract.ts';
import { toPortMap } from './published-ports.ts';
import { type Namespace, namespacePath, type WayOut, type Wire } from './sandbox.ts';

/** What one container has now. */
export interface Live {
  record: SandboxRecord;
  namespace?: Namespace;
  wires: Wire[];
  /** where its ports lead to now */
  outlet?: Endpoint;
  /** its name service, if it has one */
  names?: NameServer;
}

/** The counters of a link as its container sees them. */
export function countersOf(
  { index, host: other }: Wire,
  { host, inside }: { host: RouteConnection; inside: RouteConnection | undefined },
): InterfaceStatistics | undefined {
  if (other) {
    const link = findLink(host, other.index);
    return link && seenFromInside(link.statistics);
  }
  return inside && findLink(inside, index)?.statistics;
}

/** What one end of a pair receives, the other has sent. */
const seenFromInside = (host: InterfaceStatistics): InterfaceStatistics => ({
  rxBytes: host.txBytes,
  rxPackets: host.txPackets,
  rxErrors: host.txErrors,
  rxDropped: host.txDropped,
  txBytes: host.rxBytes,
  txPackets: host.rxPackets,
  txErrors: host.rxErrors,
  txDropped: host.rxDropped,
});

export function emptyRecord(request: ConnectRequest, ports: PublishedPort[]): SandboxRecord {
  const files = { hosts: '', resolvConf: '', hostname: '' };
  return { version: 1, id: request.id, name: request.name, mode: request.mode, endpoints: [], ports, files };
}

/** What decides which of a container's networks comes first. */
export interface Precedence {
  networkName: string;
  gatewayPriority?: number | undefined;
  /** what is for others can leave there */
  leads: boolean;
}

const leadsOutside = ({ gateway, ipv6Gateway, byLink }: Endpoint): boolean =>
  gateway !== '' || ipv6Gateway !== undefined || byLink === true;

/** Which of a container's networks comes first: one that leads outside, by its priority, then by its name. */
export function byPrecedence(one: Precedence, other: Precedence): number {
  const leads = Number(other.leads) - Number(one.leads);
  const priority = (other.gatewayPriority ?? 0) - (one.gatewayPriority ?? 0);
  return leads || priority || (one.networkName < other.networkName ? -1 : 1);
}

/** Endpoints, the first in precedence first. */
export const inOrder = (endpoints: readonly Endpoint[]): Endpoint[] =>
  endpoints.length < 2
    ? [...endpoints]
    : endpoints
        .map(endpoint => ({ ...endpoint, leads: leadsOutside(endpoint), endpoint }))
        .sort(byPrecedence)
        .map(({ endpoint }) => endpoint);

/** The endpoint that leads outside: through it ports are published. */
export const outletOf = ({ endpoints }: SandboxRecord): Endpoint | undefined => inOrder(endpoints).find(leadsOutside);

/** The default route of each family: of the first endpoint that leads outside and has the family. */
export function waysOut(endpoints: readonly Endpoint[]): { interfaceName: string; way: WayOut }[] {
  const all = inOrder(endpoints).flatMap(endpoint =>
    waysOf(endpoint).map(way => ({ interfaceName: endpoint.interfaceName, way })),
  );
  return (['ipv4', 'ipv6'] as const).flatMap(family => all.find(({ way }) => way.family === family) ?? []);
}

function waysOf({ ipAddress, gateway, ipv6Address, ipv6Gateway, byLink }: Endpoint): WayOut[] {
  const four = gateway !== '' || (byLink && ipAddress !== '');
  const six = ipv6Gateway !== undefined || (byLink && ipv6Address !== undefined);
  return [
    ...(four ? [{ family: 'ipv4' as const, ...(gateway && { gateway }) }] : []),
    ...(six ? [{ family: 'ipv6' as const, ...(ipv6Gateway && { gateway: ipv6Gateway }) }] : []),
  ];
}

/** Every address, in the order of the hosts file. */
export const addressesOf = (endpoints: readonly Endpoint[]): string[] =>
  endpoints.flatMap(({ ipAddress, ipv6Address }) => [ipAddress, ipv6Address ?? '']).filter(address => address !== '');

/** What the engine is told. */
export function sandboxOf(live: Live, namespace: Namespace | undefined, exposed: readonly string[] = []): Sandbox {
  const { record } = live;
  return {
    ...(namespace && { namespacePath: namespacePath(namespace) }),
    endpoints: Object.fromEntries(record.endpoints.map(endpoint => [endpoint.networkName, endpoint])),
    ports: toPortMap(exposed, record.ports),
    files: record.files,
    record,
  };
}
