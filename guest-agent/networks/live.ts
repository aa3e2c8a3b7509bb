import type { NameServer } from '../names/index.ts';
import type {
  ConnectRequest,
  Endpoint,
  InterfaceStatistics,
  PublishedPort,
  Sandbox,
  SandboxRecord,
} from './contract.ts';
import { toPortMap } from './published-ports.ts';
import { type Namespace, namespacePath, type Wire } from './sandbox.ts';

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

/** The counters of a wire's end on the host as the container counts: what one end receives, the other has sent. */
export const seenFromInside = (host: InterfaceStatistics): InterfaceStatistics => ({
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

type Precedence = Pick<Endpoint, 'networkName' | 'gateway' | 'gatewayPriority'>;

/** Which of a container's networks comes first: one that leads outside, by its priority, then by its name. */
export function byPrecedence(one: Precedence, other: Precedence): number {
  const leads = Number(other.gateway !== '') - Number(one.gateway !== '');
  const priority = (other.gatewayPriority ?? 0) - (one.gatewayPriority ?? 0);
  return leads || priority || (one.networkName < other.networkName ? -1 : 1);
}

/** The endpoint that leads outside: through it ports are published. */
export function outletOf({ endpoints }: SandboxRecord): Endpoint | undefined {
  const [first] = endpoints.length > 1 ? [...endpoints].sort(byPrecedence) : endpoints;
  return first && first.gateway !== '' ? first : undefined;
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
