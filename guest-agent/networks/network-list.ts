import { conflict, forbidden, invalidArgument, messageOf, notFound, notImplemented } from '../../contracts/errors.ts';
import { findLink } from '../netlink/index.ts';
import { portsOf, removeBridge, routedBlocks } from './bridge.ts';
import { BridgeNetwork, defaultBridgeOptions, type Ground } from './bridge-network.ts';
import type { AddressBlock, NetworkCreateRequest, NetworkRecord, NetworksOptions, Subnet } from './contract.ts';
import { readHostResolver } from './host-files.ts';
import { chooseSubnet, completeSubnet, subnetOfBridge } from './ipam.ts';
import { type Block, blockOf, overlaps, parseCidr, parseIpv4 } from './ipv4.ts';
import { chooseSubnet6, completeSubnet6 } from './ipv6.ts';
import { checkOptions, option } from './network-options.ts';
import { NetworkRecords, newNetworkId } from './records.ts';
import { alone } from './subnet-lock.ts';

const predefinedNames = ['bridge', 'host', 'none'];
const notInSwarm =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
const longestInterfaceName = 15;

/** All networks of an engine: their records, and for bridge networks what stands in the kernel. */
export class NetworkList {
  readonly records: NetworkRecords;
  readonly #ground: Ground;
  readonly #bridges = new Map<string, BridgeNetwork>();
  readonly #pools: () => readonly AddressBlock[];

  /** Loads the records, makes the predefined networks, and puts every bridge into the kernel. */
  constructor(options: Pick<NetworksOptions, 'root' | 'bridge' | 'addressPools'>, ground: Ground) {
    this.#pools = options.addressPools ?? (() => []);
    this.#ground = ground;
    this.records = new NetworkRecords(options.root, ground.log);
    this.#ensureSimple('host', 'host');
    this.#ensureSimple('none', 'null');
    alone(() => {
      this.#ensureDefaultBridge(options.bridge);
      for (const record of this.records.list()) this.#raise(record);
    });
  }

  get(ref: string): NetworkRecord {
    return this.records.get(ref === 'default' ? 'bridge' : ref);
  }

  /** @throws not-found, unavailable when its bridge could not be made */
  bridgeOf(record: NetworkRecord): BridgeNetwork {
    return this.#bridges.get(record.id) ?? this.#raiseNow(record);
  }

  findBridge(id: string): BridgeNetwork | undefined {
    return this.#bridges.get(id);
  }

  bridges(): BridgeNetwork[] {
    return [...this.#bridges.values()];
  }

  create(request: NetworkCreateRequest): NetworkRecord {
    return alone(() => this.#create(request));
  }

  async remove(record: NetworkRecord): Promise<void> {
    if (record.predefined) throw forbidden(`${record.name} is a pre-defined network and cannot be removed`);
    this.#bridges.get(record.id)?.remove();
    this.#bridges.delete(record.id);
    await this.records.remove(record);
  }

  #create(request: NetworkCreateRequest): NetworkRecord {
    const record = this.#newRecord(request);
    try {
      this.#raiseNow(record);
      this.records.save(record);
    } catch (error) {
      this.#bridges.get(record.id)?.remove();
      this.#bridges.delete(record.id);
      throw error;
    }
    return record;
  }

  #newRecord(request: NetworkCreateRequest): NetworkRecord {
    const { name, driver = 'bridge' } = request;
    if (name.trim() === '') throw invalidArgument('invalid name: name is empty');
    if (predefinedNames.includes(name) || name === 'default')
      throw forbidden(`operation is not permitted on predefined ${name} network `);
    if (this.records.findByName(name)) throw conflict(`network with name ${name} already exists`);
    if (driver === 'host' || driver === 'null') throw forbidden(`only one instance of "${driver}" network is allowed`);
    if (driver === 'overlay') throw forbidden(notInSwarm);
    if (driver !== 'bridge') throw notFound(`plugin "${driver}" not found`);
    const { driver: ipamDriver = 'default' } = request.ipam ?? {};
    if (ipamDriver !== 'default') throw notFound(`plugin "${ipamDriver}" not found`);
    if (request.enableIPv4 === false && !request.enableIPv6) throw invalidArgument('IPv4 or IPv6 must be enabled');
    checkOptions(request.options ?? {});
    const id = newNetworkId();
    const bridge = request.options?.[option.bridgeName] || `br-${id.slice(0, 12)}`;
    if (bridge.length > longestInterfaceName || !/^[A-Za-z_][\w.-]*$/.test(bridge))
      throw invalidArgument(`invalid bridge name: ${bridge}`);
    if (findLink(this.#ground.host, bridge)) throw conflict(`bridge ${bridge} is there already`);
    return {
      ...simpleRecord(name, 'bridge', false),
      id,
      internal: request.internal ?? false,
      attachable: request.attachable ?? false,
      ipam: { driver: 'default', options: request.ipam?.options ?? null, config: this.#subnetsFor(request) },
      enableIPv6: request.enableIPv6 ?? false,
      options: request.options ?? {},
      labels: request.labels ?? {},
      bridge,
    };
  }

  /** One subnet of each family that the network has. */
  #subnetsFor({ ipam, enableIPv4, enableIPv6 }: NetworkCreateRequest): Subnet[] {
    if (enableIPv4 === false) throw notImplemented('networks without IPv4 are not there yet');
    const wishes = (ipam?.config ?? []).filter(wish => wish.subnet || wish.gateway || wish.ipRange);
    const isSix = ({ subnet = '', gateway = '' }: Partial<Subnet>): boolean => `${subnet}${gateway}`.includes(':');
    const [six, four] = [wishes.filter(isSix), wishes.filter(wish => !isSix(wish))];
    if (six.length > 1 || four.length > 1) throw forbidden("bridge driver doesn't support multiple subnets");
    const first = four[0]
      ? completeSubnet(four[0], this.#ownBlocks())
      : { ...chooseSubnet(this.#takenBlocks(), this.#pools()), subnetChosen: true as const };
    if (!enableIPv6) return [first];
    const taken = this.records.list().flatMap(record => record.ipam.config.map(({ subnet }) => subnet));
    const seed = this.records.findByName('bridge')?.id ?? '';
    return [first, six[0] ? completeSubnet6(six[0], taken) : chooseSubnet6(seed, taken)];
  }

  #ownBlocks(except?: string): Block[] {
    return this.records
      .list()
      .filter(record => record.id !== except)
      .flatMap(record => record.ipam.config.filter(isIpv4).map(({ subnet }) => parseCidr(subnet).block));
  }

  /** Our networks, what the host has routes to, and its name servers. */
  #takenBlocks(except?: string): Block[] {
    const ours = this.records.list().flatMap(record => record.bridge ?? []);
    const servers = readHostResolver().servers.flatMap(server => parseIpv4(server) ?? []);
    return [
      ...this.#ownBlocks(except),
      ...routedBlocks(this.#ground.host, ours),
      ...servers.map(server => blockOf(server, 32)),
    ];
  }

  #ensureSimple(name: string, driver: 'host' | 'null'): void {
    if (!this.records.findByName(name)) this.records.save(simpleRecord(name, driver, true));
  }

  /** The saved subnet stays as long as nothing else wants it; a `cidr` in the options always wins. */
  #ensureDefaultBridge(wish: { name: string; cidr?: string }): void {
    const saved = this.records.findByName('bridge');
    if (saved?.bridge !== undefined && saved.bridge !== wish.name) this.#dropLeftover(saved.bridge);
    const subnet = wish.cidr ? subnetOfBridge(wish.cidr) : this.#keptSubnet(saved, wish.name);
    const same = saved?.bridge === wish.name && JSON.stringify(saved.ipam.config) === JSON.stringify([subnet]);
    if (saved && same) return;
    this.records.save({
      ...(saved ?? simpleRecord('bridge', 'bridge', true)),
      ipam: { driver: 'default', options: {}, config: [subnet] },
      options: defaultBridgeOptions(wish.name),
      bridge: wish.name,
    });
  }

  #keptSubnet(saved: NetworkRecord | undefined, bridge: string): Subnet {
    const taken = this.#takenBlocks(saved?.id);
    const kept = saved?.ipam.config[0];
    if (kept && saved?.bridge === bridge && !taken.some(block => overlaps(block, parseCidr(kept.subnet).block)))
      return kept;
    return chooseSubnet(taken, this.#pools());
  }

  /** The default bridge was renamed: the old one goes, if nobody is plugged in. */
  #dropLeftover(bridge: string): void {
    const link = findLink(this.#ground.host, bridge);
    if (!link || portsOf(this.#ground.host, link.index).length > 0) return;
    removeBridge(this.#ground.host, bridge);
    this.#ground.firewall.removeBridge(bridge);
  }

  /** One broken network must not keep an engine from starting. The default one must. */
  #raise(record: NetworkRecord): void {
    if (record.driver !== 'bridge') return;
    try {
      this.#raiseNow(record);
    } catch (error) {
      if (record.predefined) throw error;
      this.#ground.log.error(`network ${record.name} cannot be used: ${messageOf(error)}`, { error });
    }
  }

  #raiseNow(record: NetworkRecord): BridgeNetwork {
    const network = new BridgeNetwork(record, this.#ground);
    this.#bridges.set(record.id, network);
    return network;
  }
}

const isIpv4 = ({ subnet }: Subnet): boolean => !subnet.includes(':');

const simpleRecord = (name: string, driver: NetworkRecord['driver'], predefined: boolean): NetworkRecord => ({
  version: 1,
  id: newNetworkId(),
  name,
  driver,
  createdAt: new Date().toISOString(),
  internal: false,
  attachable: false,
  enableIPv4: true,
  enableIPv6: false,
  ipam: { driver: 'default', options: {}, config: [] },
  options: {},
  labels: {},
  predefined,
});
