import type { Log } from '../../base/log.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import { serveNames } from '../names/index.ts';
import { resolvConfOf } from './container-files.ts';
import { ContainerNames } from './container-names.ts';
import type { Endpoint, HostFiles, Naming } from './contract.ts';
import { editLines, ownLines, replaceFile } from './host-files.ts';
import { addressesOf, type Live } from './live.ts';
import { NetworkNames } from './network-names.ts';

const noNaming: Naming = { hostname: '' };

/** Who is called how: the name services of containers in networks of users, and the hosts files of all. */
export class NamingOffice {
  readonly #live: ReadonlyMap<ContainerId, Live>;
  readonly #hostAddress: () => string | undefined;
  readonly #log: Log;
  readonly #names = new NetworkNames();
  /** containers that others of the default network have links to */
  readonly #linked = new Set<ContainerId>();

  constructor(live: ReadonlyMap<ContainerId, Live>, options: { hostAddress: () => string | undefined; log: Log }) {
    this.#live = live;
    this.#hostAddress = options.hostAddress;
    this.#log = options.log;
  }

  /** A container has begun, or is taken over. Its name service answers when this returns, if it has one. */
  enter(live: Live): void {
    const { id, endpoints, naming } = live.record;
    for (const endpoint of endpoints) this.#names.add(id, endpoint);
    this.#serve(live);
    for (const { container } of naming?.neighbours ?? []) this.#linked.add(container);
    if (this.#linked.has(id)) this.#tellNeighbours(id);
  }

  /** Any number of times. */
  leave(live: Live): void {
    for (const endpoint of live.record.endpoints) this.#names.remove(live.record.id, endpoint);
    live.names?.close();
    delete live.names;
  }

  /** A running container has one endpoint more. */
  joined(live: Live, endpoint: Endpoint): void {
    const { id, files, naming = noNaming } = live.record;
    this.#names.add(id, endpoint);
    const served = live.names !== undefined;
    this.#serve(live);
    if (!served && live.names) replaceFile(files.resolvConf, resolvConfOf(naming, { named: true, onHost: false }));
    editLines(files.hosts, { and: ownLines({ ...naming, addresses: addressesOf([endpoint]) }) });
  }

  /** A running container has one endpoint less. */
  left(live: Live, endpoint: Endpoint): void {
    const { id, files, naming = noNaming } = live.record;
    this.#names.remove(id, endpoint);
    editLines(files.hosts, { without: ownLines({ ...naming, addresses: addressesOf([endpoint]) }) });
  }

  /** From now on it is found under its new name, and no longer under the old one. */
  rename(live: Live, name: string): void {
    const { record } = live;
    for (const endpoint of record.endpoints) this.#names.remove(record.id, endpoint);
    const renamed = (names: string[]): string[] => [...new Set([name, ...names.filter(one => one !== record.name)])];
    const endpoints = record.endpoints.map(endpoint =>
      endpoint.dnsNames ? { ...endpoint, dnsNames: renamed(endpoint.dnsNames) } : endpoint,
    );
    live.record = { ...record, name, endpoints };
    for (const endpoint of endpoints) this.#names.add(record.id, endpoint);
  }

  /** The lines of a hosts file for those that a container of the default network is linked to, as they are now. */
  neighbourLines({ neighbours = [] }: Naming): string[] {
    return neighbours.flatMap(({ container, names }) => {
      const address = this.#defaultAddress(container);
      return address ? [`${address}\t${names.join(' ')}`] : [];
    });
  }

  #serve(live: Live): void {
    if (live.names || !live.namespace || !live.record.endpoints.some(endpoint => endpoint.dnsNames)) return;
    live.names = serveNames(live.namespace.fd, new ContainerNames(live, this.#names, this.#hostAddress), this.#log);
  }

  /** A container that others are linked to has started anew, perhaps with another address. */
  #tellNeighbours(id: ContainerId): void {
    const address = this.#defaultAddress(id);
    for (const { record } of this.#live.values()) {
      const links = record.naming?.neighbours?.filter(({ container }) => container === id) ?? [];
      if (record.id !== id && address) for (const { names } of links) this.#rewrite(record.files, address, names);
    }
  }

  #rewrite({ hosts }: HostFiles, address: string, names: readonly string[]): void {
    const text = names.join(' ');
    try {
      editLines(hosts, { where: line => line.endsWith(`\t${text}`), and: [`${address}\t${text}`] });
    } catch (error) {
      this.#log.warn('a linked container was not told of a new address', { hosts, error });
    }
  }

  /** In the default network, which alone has links of this kind. */
  #defaultAddress(id: ContainerId): string | undefined {
    return this.#live.get(id)?.record.endpoints.find(({ dnsNames }) => dnsNames === undefined)?.ipAddress;
  }
}
