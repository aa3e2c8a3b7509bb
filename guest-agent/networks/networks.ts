import { closeSync } from 'node:fs';
import type { ContainerId, NetworkId } from '../../contracts/brand.ts';
import { conflict, EngineError, forbidden, messageOf } from '../../contracts/errors.ts';
import { openFirewall } from '../firewall/index.ts';
import { NetfilterConnection, RouteConnection } from '../netlink/index.ts';
import { openNetworkNamespaceOf } from '../syscalls/network-namespace.ts';
import { outerGateway } from './bridge.ts';
import { namingOf, writeContainerFiles } from './container-files.ts';
import type {
  ConnectRequest,
  Endpoint,
  EndpointRequest,
  InterfaceStatistics,
  NetworkRecord,
  Networks,
  NetworksOptions,
  Sandbox,
  SandboxRecord,
} from './contract.ts';
import type { Ground } from './driver-network.ts';
import { checkWish } from './endpoint-checks.ts';
import { assertOnly, plugEndpoints, simpleEndpoint } from './endpoints.ts';
import { leaveAllToKernel } from './leaving-namespaces.ts';
import { addressesOf, countersOf, emptyRecord, type Live, sandboxOf } from './live.ts';
import { joinNetwork, leaveNetwork, type Membership } from './membership.ts';
import { NamingOffice } from './naming.ts';
import { NetworkList } from './network-list.ts';
import { ParentNetwork } from './parent-network.ts';
import { Publishing } from './publishing.ts';
import { ReadyPool } from './ready-pool.ts';
import { RuleWatch } from './rule-watch.ts';
import { adoptNamespace, dispose, makeNamespace, type Namespace, type WiredNamespace } from './sandbox.ts';
import { claim, removeStrangers } from './takeover.ts';

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
  readonly #publishing: Publishing;
  readonly #naming: NamingOffice;
  readonly #live = new Map<ContainerId, Live>();
  readonly #wired: ReadyPool<WiredNamespace>;
  readonly #bare: ReadyPool<Namespace>;
  readonly #watch: RuleWatch;
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
    this.#publishing = new Publishing(this.#networks, options);
    const hostAddress = (): string | undefined => (options.behindHost ? outerGateway(this.#ground.host) : undefined);
    this.#naming = new NamingOffice(this.#live, { hostAddress, log: options.log });
    this.#watch = new RuleWatch(this.#ground, () => this.#networks.bridges());
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
    const record = this.#networks.create(request);
    this.#watch.look();
    return record;
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
      record => !record.predefined && !record.configOnly && !keep(record) && this.endpoints(record.id).length === 0,
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
    for (let choices = this.#publishing.mayChoose(request) ? mostChoices : 1; ; choices--) {
      try {
        return await this.#connectNow(request);
      } catch (error) {
        if (choices <= 1 || !(error instanceof EngineError) || error.kind !== 'conflict') throw error;
        await this.release(request.id);
      }
    }
  }

  async #connectNow(request: ConnectRequest): Promise<Sandbox> {
    const live: Live = { record: emptyRecord(request, this.#publishing.take(request)), wires: [] };
    this.#live.set(request.id, live);
    this.#enter(live, request);
    this.#publishing.follow(live);
    this.#writeFiles(request, live);
    this.#naming.enter(live);
    await this.#publishing.announce(live);
    return this.#sandboxOf(live, this.#hasPorts(live) ? request.exposed : []);
  }

  /** A container on links of the host alone has no ports to tell of. */
  #hasPorts = ({ record: { endpoints } }: Live): boolean =>
    endpoints.length === 0 ||
    endpoints.some(({ networkId }) => !(this.#networks.find(networkId) instanceof ParentNetwork));

  check(ref: string, wish: EndpointRequest): void {
    checkWish(wish, this.get(ref));
  }

  join(id: ContainerId, ref: string, wish: EndpointRequest): Sandbox {
    const live = this.#liveOf(id);
    joinNetwork(live, this.#networks.get(ref), wish, this.#membership);
    return this.#sandboxOf(live);
  }

  leave(id: ContainerId, ref: string): Sandbox {
    const live = this.#liveOf(id);
    leaveNetwork(live, this.#networks.get(ref), this.#membership);
    return this.#sandboxOf(live);
  }

  rename(id: ContainerId, name: string): SandboxRecord | undefined {
    const live = this.#live.get(id);
    if (live) this.#naming.rename(live, name);
    return live?.record;
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
    for (const endpoint of saved.endpoints) claim(live, endpoint, this.#networks, this.#ground);
    live.record = { ...saved, ports: this.#publishing.takeAgain(saved) };
    this.#publishing.remember(live);
    this.#nameAgain(live);
    await this.#publishing.announce(live);
    return this.#sandboxOf(live);
  }

  async reconcile(): Promise<void> {
    this.#reconciled = true;
    const links = [...this.#live.values()].flatMap(({ record }) => record.endpoints.map(one => one.hostInterface));
    const pooled = this.#wired.contents().flatMap(({ wire }) => wire.host?.name ?? []);
    for (const network of this.#networks.bridges()) {
      network.reconcile();
      removeStrangers(network, new Set([...pooled, ...links]), this.#ground);
    }
    this.#watch.look();
  }

  async release(id: ContainerId): Promise<void> {
    const live = this.#live.get(id);
    if (!live) return;
    this.#live.delete(id);
    const { record, namespace, wires } = live;
    this.#naming.leave(live);
    for (const endpoint of record.endpoints) this.#networks.find(endpoint.networkId)?.addresses.giveBack(endpoint);
    const givenBack = this.#publishing.giveBack(live); // the rules first, at once: nothing leads to an address that others may take
    if (namespace) dispose(this.#ground.host, namespace, wires, this.#ground.log);
    await givenBack;
  }

  statistics(id: ContainerId): Record<string, InterfaceStatistics> {
    const live = this.#live.get(id);
    const owner = live?.record.shares ? this.#live.get(live.record.shares) : live;
    return Object.fromEntries(
      (owner?.wires ?? []).flatMap(wire => {
        const counted = countersOf(wire, { host: this.#ground.host, inside: owner?.namespace?.connection });
        return counted ? [[wire.interfaceName, counted]] : [];
      }),
    );
  }

  async close({ removeAll }: { removeAll: boolean }): Promise<void> {
    const { host, tracking, firewall, log } = this.#ground;
    this.#watch.close();
    for (const { namespace, wire } of this.#wired.close()) dispose(host, namespace, [wire], log);
    for (const namespace of this.#bare.close()) dispose(host, namespace, [], log);
    if (removeAll) {
      for (const id of [...this.#live.keys()]) await this.release(id);
      for (const network of this.#networks.raised()) network.remove();
    } else {
      for (const live of this.#live.values()) {
        this.#publishing.letGo(live);
        this.#naming.leave(live);
        live.namespace?.connection.close();
        if (live.namespace) closeSync(live.namespace.fd);
      }
    }
    this.#live.clear();
    leaveAllToKernel();
    host.close();
    tracking.close();
    firewall.close();
  }

  #makeWired(): WiredNamespace {
    const namespace = makeNamespace();
    try {
      return { namespace, wire: this.#networks.networkOf(this.get('bridge')).plug(namespace, 'eth0') };
    } catch (error) {
      dispose(this.#ground.host, namespace, [], this.#ground.log);
      throw error;
    }
  }

  /** Gives the container its namespace with everything in it; what it has so far is in `live` when this fails. */
  #enter(live: Live, request: ConnectRequest): void {
    if (request.mode.startsWith('container:')) {
      live.record.shares = this.#sharedOwner(request.mode.slice('container:'.length) as ContainerId);
      return;
    }
    const record = this.get(request.mode);
    if (record.configOnly) throw forbidden('cannot create endpoint on configuration-only network');
    if (record.driver === 'host' || record.driver === 'null') {
      assertOnly(record, request);
      if (record.driver === 'null') live.namespace = this.#bare.take();
      live.record.endpoints.push(simpleEndpoint(record));
      return;
    }
    const holder: Parameters<typeof plugEndpoints>[2] = { wires: live.wires, endpoints: live.record.endpoints };
    try {
      plugEndpoints(request, { networks: this.#networks, wired: this.#wired, bare: this.#bare }, holder);
    } finally {
      if (holder.namespace) live.namespace = holder.namespace; // also when the next step failed: `release` gives it back
    }
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

  #writeFiles(request: ConnectRequest, { record }: Live): void {
    const shared = record.shares && this.#live.get(record.shares);
    if (shared) {
      record.files = shared.record.files;
      return;
    }
    const onHost = this.get(request.mode).driver === 'host';
    const naming = namingOf(request, this.#options, onHost);
    record.naming = naming;
    record.files = writeContainerFiles(request, {
      naming,
      addresses: addressesOf(record.endpoints),
      hostGateways: () => this.hostGateways(),
      onHost,
      named: record.endpoints.some(endpoint => endpoint.dnsNames !== undefined),
      neighbourLines: this.#naming.neighbourLines(naming),
    });
  }

  hostGateways(): string[] {
    const { hostGateways = [], behindHost } = this.#options;
    const outer = behindHost ? outerGateway(this.#ground.host) : undefined;
    if (hostGateways.length > 0) return [...hostGateways];
    return outer ? [outer] : this.get('bridge').ipam.config.map(({ gateway }) => gateway);
  }

  get #membership(): Membership {
    return { networks: this.#networks, ground: this.#ground, publishing: this.#publishing, naming: this.#naming };
  }

  #sandboxOf(live: Live, exposed: readonly string[] = []): Sandbox {
    return sandboxOf(live, this.#namespaceOf(live), exposed);
  }

  /** The names of a container that runs are worth less than the container. */
  #nameAgain(live: Live): void {
    try {
      this.#naming.enter(live);
    } catch (error) {
      this.#ground.log.error('a running container is without its name service', { id: live.record.id, error });
    }
  }

  #liveOf(id: ContainerId): Live {
    const live = this.#live.get(id);
    if (!live) throw conflict(`container ${id} is not running`);
    return live;
  }
}
