import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import type { ContainerId, NetworkId } from '../../contracts/brand.ts';
import { conflict, EngineError, forbidden, messageOf } from '../../contracts/errors.ts';
import { openFirewall } from '../firewall/index.ts';
import { findLink, NetfilterConnection, RouteConnection, removeLink } from '../netlink/index.ts';
import { openNetworkNamespaceOf } from '../syscalls/network-namespace.ts';
import { portsOf } from './bridge.ts';
import type { Ground } from './bridge-network.ts';
import { writeContainerFiles } from './container-files.ts';
import type {
  ConnectRequest,
  Endpoint,
  InterfaceStatistics,
  NetworkRecord,
  Networks,
  NetworksOptions,
  PublishedPort,
  Sandbox,
  SandboxRecord,
} from './contract.ts';
import { type Holder, plugEndpoints, simpleEndpoint } from './endpoints.ts';
import { emptyRecord, type Live, outletOf, sandboxOf, seenFromInside } from './live.ts';
import { NetworkList } from './network-list.ts';
import { PublishedPorts, wantedMappings } from './published-ports.ts';
import { ReadyPool } from './ready-pool.ts';
import { adoptNamespace, dispose, makeNamespace, type Namespace, plugIn, type WiredNamespace } from './sandbox.ts';

/** Of a published port, where the user left it to us. */
const mostChoices = 20;
const defaultPoolSize = 4;

/** Opens the room in the network namespace of the calling thread. @throws SyscallError, NftError, Error without libnftables */
export async function openNetworks(options: NetworksOptions): Promise<Networks> {
  return new KernelNetworks(options);
}

class KernelNetworks implements Networks {
  readonly #options: NetworksOptions;
  readonly #ground: Ground;
  readonly #networks: NetworkList;
  readonly #ports: PublishedPorts;
  readonly #live = new Map<ContainerId, Live>();
  readonly #wired: ReadyPool<WiredNamespace>;
  readonly #bare: ReadyPool<Namespace>;
  #reconciled = false;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#ground = {
      host: new RouteConnection(),
      tracking: new NetfilterConnection(),
      firewall: openFirewall(),
      log: options.log,
    };
    this.#networks = new NetworkList(options, this.#ground);
    this.#ports = new PublishedPorts({ addressesOfOthers: options.publisher !== undefined });
    const { poolSize: size = defaultPoolSize, log } = options;
    this.#wired = new ReadyPool({ make: () => this.#makeWired(), size, log });
    this.#bare = new ReadyPool({ make: makeNamespace, size: Math.min(size, 2), log });
  }

  list = (): NetworkRecord[] => this.#networks.records.list();
  get = (ref: string): NetworkRecord => this.#networks.get(ref);

  endpoints(networkId: NetworkId): { id: ContainerId; name: string; endpoint: Endpoint }[] {
    return [...this.#live.values()].flatMap(({ record }) =>
      record.endpoints
        .filter(endpoint => endpoint.networkId === networkId)
        .map(endpoint => ({ id: record.id, name: record.name, endpoint })),
    );
  }

  async create(request: Parameters<Networks['create']>[0]): Promise<NetworkRecord> {
    return this.#networks.create(request);
  }

  async remove(ref: string): Promise<void> {
    const record = this.get(ref);
    const users = this.endpoints(record.id).map(({ id, name }) => `name:"${name}" id:"${id.slice(0, 12)}"`);
    if (users.length > 0 && !record.predefined)
      throw forbidden(
        `error while removing network: network ${record.name} has active endpoints (${users.join(', ')})`,
      );
    await this.#networks.remove(record);
  }

  async prune(keep: (network: NetworkRecord) => boolean): Promise<string[]> {
    const unused = this.list().filter(
      record => !record.predefined && !keep(record) && this.endpoints(record.id).length === 0,
    );
    for (const record of unused) await this.#networks.remove(record);
    return unused.map(record => record.name);
  }

  async connect(request: ConnectRequest): Promise<Sandbox> {
    await this.release(request.id);
    try {
      if (!this.#reconciled) await this.reconcile();
      return await this.#connectWithFreePorts(request);
    } catch (error) {
      await this.release(request.id);
      const kind = error instanceof EngineError ? error.kind : 'internal';
      throw new EngineError(kind, `failed to set up container networking: ${messageOf(error)}`, { cause: error });
    }
  }

  /** A port that we may choose is chosen again when it turns out that somebody else in front of us has it. */
  async #connectWithFreePorts(request: ConnectRequest): Promise<Sandbox> {
    const mayChoose = this.#options.publisher && this.#mappings(request).some(({ hostPort }) => !hostPort);
    for (let choices = mayChoose ? mostChoices : 1; ; choices--) {
      try {
        return await this.#connectNow(request);
      } catch (error) {
        if (choices <= 1 || !(error instanceof EngineError) || error.kind !== 'conflict') throw error;
        await this.release(request.id);
      }
    }
  }

  async #connectNow(request: ConnectRequest): Promise<Sandbox> {
    const ports = this.#takePorts(request);
    const live: Live = { record: emptyRecord(request, ports), wires: [] };
    this.#live.set(request.id, live);
    this.#enter(live, request);
    live.record.files = this.#writeFiles(request, live.record);
    if (ports.length > 0) await this.#options.publisher?.publish(request.id, ports);
    return sandboxOf(live, this.#namespaceOf(live), request.exposed);
  }

  async reattach(id: ContainerId, saved: SandboxRecord, pid: number): Promise<Sandbox> {
    const live: Live = { record: saved, wires: [] };
    if (saved.mode !== 'host' && saved.shares === undefined) {
      const fd = openNetworkNamespaceOf(pid);
      try {
        live.namespace = adoptNamespace(fd);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    }
    this.#live.set(id, live);
    for (const endpoint of saved.endpoints) this.#claim(live, endpoint);
    live.record = { ...saved, ports: saved.ports.flatMap(port => this.#holdAgain(port)) };
    const outlet = outletOf(saved);
    if (outlet) this.#bridgeNamed(outlet)?.remember(id, outlet.ipAddress, this.#forwarded(live.record));
    if (live.record.ports.length > 0) await this.#options.publisher?.publish(id, live.record.ports);
    return sandboxOf(live, this.#namespaceOf(live), []);
  }

  async reconcile(): Promise<void> {
    this.#reconciled = true;
    const known = new Set([
      ...this.#wired.contents().map(({ wire }) => wire.hostInterface),
      ...[...this.#live.values()].flatMap(({ record }) => record.endpoints.map(endpoint => endpoint.hostInterface)),
    ]);
    for (const network of this.#networks.bridges()) {
      network.reconcile();
      const strangers = portsOf(this.#ground.host, network.index).filter(
        link => link.kind === 'veth' && link.name.startsWith('ve') && !known.has(link.name),
      );
      for (const link of strangers) this.#removeLeftover(link.name);
    }
  }

  async release(id: ContainerId): Promise<void> {
    const live = this.#live.get(id);
    if (!live) return;
    this.#live.delete(id);
    const { record, namespace, wires } = live;
    for (const endpoint of record.endpoints.filter(one => one.ipAddress !== '')) {
      const network = this.#bridgeNamed(endpoint);
      network?.withdraw(id);
      network?.addresses.release(endpoint.ipAddress);
    }
    if (namespace) dispose(this.#ground.host, namespace, wires, this.#ground.log);
    this.#ports.giveBack(record.ports);
    if (record.ports.length > 0) await this.#options.publisher?.withdraw(id);
  }

  statistics(id: ContainerId): Record<string, InterfaceStatistics> {
    const live = this.#live.get(id);
    const owner = live?.record.shares ? this.#live.get(live.record.shares) : live;
    return Object.fromEntries(
      (owner?.wires ?? []).flatMap(wire => {
        const link = findLink(this.#ground.host, wire.hostIndex);
        return link ? [[wire.interfaceName, seenFromInside(link.statistics)]] : [];
      }),
    );
  }

  async close({ removeAll }: { removeAll: boolean }): Promise<void> {
    const { host, tracking, firewall, log } = this.#ground;
    for (const { namespace, wire } of this.#wired.close()) dispose(host, namespace, [wire], log);
    for (const namespace of this.#bare.close()) dispose(host, namespace, [], log);
    if (removeAll) {
      for (const id of [...this.#live.keys()]) await this.release(id);
      for (const network of this.#networks.bridges()) network.remove();
    } else {
      for (const { namespace, record } of this.#live.values()) {
        this.#ports.giveBack(record.ports);
        namespace?.connection.close();
        if (namespace) closeSync(namespace.fd);
      }
    }
    this.#live.clear();
    host.close();
    tracking.close();
    firewall.close();
  }

  #makeWired(): WiredNamespace {
    const namespace = makeNamespace();
    try {
      const { port } = this.#networks.bridgeOf(this.get('bridge'));
      return { namespace, wire: plugIn(this.#ground.host, namespace, 'eth0', port) };
    } catch (error) {
      dispose(this.#ground.host, namespace, [], this.#ground.log);
      throw error;
    }
  }

  #mappings(request: ConnectRequest): ReturnType<typeof wantedMappings> {
    if (request.mode.startsWith('container:')) return [];
    const record = this.get(request.mode);
    if (record.driver !== 'bridge') return [];
    const hostIp = this.#networks.bridgeOf(record).hostAddress;
    return wantedMappings(request).map(mapping => (mapping.hostIp || !hostIp ? mapping : { ...mapping, hostIp }));
  }

  #takePorts(request: ConnectRequest): PublishedPort[] {
    const mappings = this.#mappings(request);
    try {
      return this.#ports.take(mappings);
    } catch (error) {
      const endpoint = `${request.name} (${randomBytes(32).toString('hex')})`;
      throw new EngineError(
        error instanceof EngineError ? error.kind : 'internal',
        `driver failed programming external connectivity on endpoint ${endpoint}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Gives the container its namespace with everything in it; what it has so far is in `live` when this fails. */
  #enter(live: Live, request: ConnectRequest): void {
    if (request.mode.startsWith('container:')) {
      live.record.shares = this.#sharedOwner(request.mode.slice('container:'.length) as ContainerId);
      return;
    }
    const record = this.get(request.mode);
    if (record.driver !== 'bridge') {
      if (record.driver === 'null') live.namespace = this.#bare.take();
      live.record.endpoints.push(simpleEndpoint(record));
      return;
    }
    const holder: Holder = { wires: live.wires, endpoints: live.record.endpoints };
    try {
      plugEndpoints(
        request,
        { networks: this.#networks, host: this.#ground.host, wired: this.#wired, bare: this.#bare },
        holder,
      );
    } finally {
      if (holder.namespace) live.namespace = holder.namespace; // also when the next step failed: `release` gives it back
    }
    const outlet = outletOf(live.record);
    if (outlet) this.#bridgeNamed(outlet)?.publish(request.id, outlet.ipAddress, this.#forwarded(live.record));
  }

  /**
   * Ports as the kernel forwards them. Where somebody in front of us publishes them (the host of a machine), its
   * addresses are not ours, and datagrams for its loopback come in through our outer link.
   */
  #forwarded({ ports }: SandboxRecord): PublishedPort[] {
    const comesFromOutside = ({ protocol, hostIp }: PublishedPort): boolean =>
      this.#options.publisher !== undefined && (protocol === 'udp' || !hostIp.startsWith('127.'));
    return ports.map(port => (comesFromOutside(port) ? { ...port, hostIp: '0.0.0.0' } : port));
  }

  /** The container whose namespace it really is: sharing may be shared. */
  #sharedOwner(id: ContainerId): ContainerId {
    const target = this.#live.get(id);
    if (!target) throw conflict(`cannot join network of a non running container: ${id}`);
    return target.record.shares ?? id;
  }

  #namespaceOf(live: Live): Namespace | undefined {
    return live.record.shares ? this.#live.get(live.record.shares)?.namespace : live.namespace;
  }

  #writeFiles(request: ConnectRequest, record: SandboxRecord): SandboxRecord['files'] {
    const shared = record.shares && this.#live.get(record.shares);
    if (shared) return shared.record.files;
    const addresses = record.endpoints.map(endpoint => endpoint.ipAddress).filter(address => address !== '');
    const hostGateway = this.#options.hostGateway ?? this.get('bridge').ipam.config[0]?.gateway ?? '';
    const onHost = this.get(request.mode).driver === 'host';
    return writeContainerFiles(request, { addresses, hostGateway, onHost, defaults: this.#options });
  }

  #bridgeNamed(endpoint: Endpoint): ReturnType<NetworkList['bridgeOf']> | undefined {
    return this.#networks.bridges().find(network => network.record.id === endpoint.networkId);
  }

  /** Takes back what a running container had before the restart. */
  #claim(live: Live, endpoint: Endpoint): void {
    if (endpoint.ipAddress === '') return;
    const { log, host } = this.#ground;
    try {
      this.#bridgeNamed(endpoint)?.addresses.allocate(endpoint.ipAddress);
    } catch (error) {
      log.warn('a running container has an address that is not free', { address: endpoint.ipAddress, error });
    }
    const link = findLink(host, endpoint.hostInterface);
    const { interfaceName, hostInterface } = endpoint;
    if (link) live.wires.push({ interfaceName, index: 0, hostInterface, hostIndex: link.index });
    else log.warn('a running container has lost its link', { id: live.record.id, link: hostInterface });
  }

  #holdAgain(port: PublishedPort): PublishedPort[] {
    try {
      return this.#ports.take([port]);
    } catch (error) {
      this.#ground.log.error('a published port was taken by somebody else while the engine was away', {
        ...port,
        error,
      });
      return [];
    }
  }

  #removeLeftover(name: string): void {
    try {
      this.#ground.host.request(removeLink(name));
      this.#ground.log.info('removed a link that belongs to no container', { link: name });
    } catch (error) {
      this.#ground.log.warn('a leftover link could not be removed', { link: name, error });
    }
  }
}
