import type { ContainerId, NetworkId } from '../../contracts/brand.ts';
import { inetBytes, inetText } from '../netlink/index.ts';
import type { Endpoint, Link } from './contract.ts';

/** Who is called how in one network. */
interface Index {
  byName: Map<string, Set<Endpoint>>;
  byAddress: Map<string, Endpoint>;
  byContainer: Map<ContainerId, Endpoint>;
}

/** The names of all networks that have a name service; several containers may share one. Letters' case does not matter. */
export class NetworkNames {
  readonly #networks = new Map<NetworkId, Index>();

  /** Endpoints without names are not told to anybody. */
  add(container: ContainerId, endpoint: Endpoint): void {
    if (!endpoint.dnsNames) return;
    const index = this.#indexOf(endpoint.networkId);
    for (const name of endpoint.dnsNames) {
      const key = name.toLowerCase();
      const holders = index.byName.get(key) ?? new Set();
      index.byName.set(key, holders.add(endpoint));
    }
    for (const key of keysOf(endpoint)) index.byAddress.set(key, endpoint);
    index.byContainer.set(container, endpoint);
  }

  /** Any number of times. */
  remove(container: ContainerId, endpoint: Endpoint): void {
    const index = this.#networks.get(endpoint.networkId);
    if (!index || !endpoint.dnsNames) return;
    for (const name of endpoint.dnsNames) {
      const holders = index.byName.get(name.toLowerCase());
      holders?.delete(endpoint);
      if (holders?.size === 0) index.byName.delete(name.toLowerCase());
    }
    for (const key of keysOf(endpoint)) if (index.byAddress.get(key) === endpoint) index.byAddress.delete(key);
    if (index.byContainer.get(container) === endpoint) index.byContainer.delete(container);
    if (index.byContainer.size === 0) this.#networks.delete(endpoint.networkId);
  }

  /** Everybody of the network who is called so. */
  find(network: NetworkId, name: string): Endpoint[] {
    return [...(this.#networks.get(network)?.byName.get(name) ?? [])];
  }

  /** The other end of a link, if it is in the network. */
  linked(network: NetworkId, { container }: Link): Endpoint | undefined {
    return this.#networks.get(network)?.byContainer.get(container);
  }

  /** `web.blue` for the address of `web` in the network `blue`. */
  nameOf(network: NetworkId, address: string): string | undefined {
    const endpoint = this.#networks.get(network)?.byAddress.get(address);
    return endpoint?.dnsNames?.[0] && `${endpoint.dnsNames[0]}.${endpoint.networkName}`;
  }

  #indexOf(network: NetworkId): Index {
    const known = this.#networks.get(network);
    if (known) return known;
    const index: Index = { byName: new Map(), byAddress: new Map(), byContainer: new Map() };
    this.#networks.set(network, index);
    return index;
  }
}

/** IPv6 addresses as questions for their names write them, group by group. */
const keysOf = ({ ipAddress, ipv6Address }: Endpoint): string[] => [
  ipAddress,
  ...(ipv6Address ? [inetText(inetBytes(ipv6Address))] : []),
];

/** How a container is called in a network of a user, as Docker has it: by name, aliases, short id and host name. */
export function dnsNamesOf(container: {
  id: ContainerId;
  name: string;
  aliases: readonly string[];
  hostname: string;
}): string[] {
  const { id, name, aliases, hostname } = container;
  return [...new Set([name, ...aliases, id.slice(0, 12), hostname])].filter(text => text !== '');
}
