import { statSync } from 'node:fs';
import type { Addresses, NameView, Upstream } from '../names/index.ts';
import type { Endpoint } from './contract.ts';
import { hostServers, ndotsOf, type Resolver, readOwnResolver } from './host-files.ts';
import { inOrder, type Live, outletOf } from './live.ts';
import type { NetworkNames } from './network-names.ts';

/** As libc does, no more than three are asked. */
const mostServers = 3;
/** What Docker Desktop calls the computer it runs on. */
const hostNames: ReadonlySet<string> = new Set(['host.docker.internal', 'gateway.docker.internal']);
const resolverFile = '/etc/resolv.conf';

/** The names that one container finds: those of its networks, first what it calls others itself. */
export class ContainerNames implements NameView {
  readonly #live: Live;
  readonly #names: NetworkNames;
  readonly #hostAddress: () => string | undefined;

  constructor(live: Live, names: NetworkNames, hostAddress: () => string | undefined) {
    this.#live = live;
    this.#names = names;
    this.#hostAddress = hostAddress;
  }

  find(name: string): Addresses | undefined {
    const endpoints = this.#endpoints();
    for (const [short, network] of splits(name)) {
      const inside = endpoints.filter(({ networkName }) => network === '' || networkName.toLowerCase() === network);
      const found = this.#linked(inside, short) ?? this.#named(inside, short);
      if (found) return found;
    }
    const host = hostNames.has(name) ? this.#hostAddress() : undefined;
    return host === undefined ? undefined : { ipv4: [host], ipv6: [] };
  }

  nameOf(address: string): string | undefined {
    for (const { networkId } of this.#endpoints()) {
      const found = this.#names.nameOf(networkId, address);
      if (found) return found;
    }
    return undefined;
  }

  /** A container that is only in internal networks reaches nobody, and by names neither. */
  get upstreams(): readonly Upstream[] {
    if (!outletOf(this.#live.record)) return [];
    const asked = this.#live.record.naming?.servers;
    const servers = asked ?? hostServers(hostResolver());
    return servers.slice(0, mostServers).map(address => ({ address, fromHost: asked === undefined }));
  }

  get keepsShortNames(): boolean {
    return ndotsOf(this.#live.record.naming?.options ?? hostResolver().options) > 0;
  }

  #endpoints = (): Endpoint[] => inOrder(this.#live.record.endpoints);

  #linked(endpoints: readonly Endpoint[], alias: string): Addresses | undefined {
    for (const { networkId, links = [] } of endpoints) {
      const link = links.find(one => one.alias.toLowerCase() === alias);
      const other = link && this.#names.linked(networkId, link);
      if (other) return addressesOf([other]);
    }
    return undefined;
  }

  #named(endpoints: readonly Endpoint[], name: string): Addresses | undefined {
    for (const { networkId } of endpoints) {
      const holders = this.#names.find(networkId, name);
      if (holders.length > 0) return addressesOf(holders);
    }
    return undefined;
  }
}

/** `a.b.c` is looked for as itself, as `a.b` in the network `c`, and as `a` in the network `b.c`. */
function splits(name: string): [name: string, network: string][] {
  const labels = name.split('.');
  const inNetworks = labels
    .slice(1)
    .map((_, index): [string, string] => [labels.slice(0, -1 - index).join('.'), labels.slice(-1 - index).join('.')]);
  return [[name, ''], ...inNetworks];
}

const addressesOf = (endpoints: readonly Endpoint[]): Addresses => ({
  ipv4: endpoints.flatMap(({ ipAddress }) => ipAddress || []),
  ipv6: endpoints.flatMap(({ ipv6Address }) => ipv6Address ?? []),
});

let known: { changed: number; resolver: Resolver } | undefined;

/** As it is now: it changes with the networks that the host joins. */
function hostResolver(): Resolver {
  const changed = statSync(resolverFile, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (known?.changed !== changed) known = { changed, resolver: readOwnResolver() };
  return known.resolver;
}
