import type { Log } from '../../base/log.ts';
import type { Firewall } from '../firewall/index.ts';
import type { NetfilterConnection, RouteConnection } from '../netlink/index.ts';
import type { Addressing } from './addressing.ts';
import type { NetworkRecord } from './contract.ts';
import type { Namespace, Wire } from './sandbox.ts';

/** What all networks of an engine stand on. */
export interface Ground {
  host: RouteConnection;
  tracking: NetfilterConnection;
  firewall: Firewall;
  log: Log;
}

/**
 * A network in the kernel, as the driver that its record names keeps it: it makes and repairs what it needs when it is
 * opened, gives containers links, and takes all of it away when the network goes. Synchronous; another driver is another
 * class, which passes the same suite (`test/suites/network-driver.ts`).
 */
export interface DriverNetwork {
  readonly record: NetworkRecord;
  readonly addresses: Addressing;
  /** A new link in the namespace, up, without addresses. @throws SyscallError */
  plug(namespace: Namespace, interfaceName: string): Wire;
  /** The link's MAC address for an address of the network; undefined: the link keeps its own. */
  macFor(ipAddress: string): string | undefined;
  /** Takes away what stands in the kernel, any number of times. */
  remove(): void;
}
