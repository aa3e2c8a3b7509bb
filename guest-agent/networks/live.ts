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

/** The endpoint that leads outside: through it ports are published. */
export const outletOf = (record: SandboxRecord): Endpoint | undefined =>
  record.endpoints.find(endpoint => endpoint.gateway !== '');

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
