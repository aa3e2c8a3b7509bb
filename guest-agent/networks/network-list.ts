import { notSwarmManager } from '../../contracts/docker/swarm.ts';
import { conflict, forbidden, invalidArgument, messageOf, notFound } from '../../contracts/errors.ts';
import { findLink } from '../netlink/index.ts';
import { hasIpv6, portsOf, removeBridge } from './bridge.ts';
import { BridgeNetwork, defaultBridgeOptions } from './bridge-network.ts';
import { filledIn, formOf } from './config-only.ts';
import type { DefaultBridge, NetworkCreateRequest, NetworkDriver, NetworkRecord, NetworksOptions } from './contract.ts';
import type { DriverNetwork, Ground } from './driver-network.ts';
import { checkOptions, option, withDefaults } from './network-options.ts';
import { ParentNetwork } from './parent-network.ts';
import { isParentDriver, parentFor } from './parent-options.ts';
import { NetworkRecords, newNetworkId } from './records.ts';
import { SubnetChoice } from './subnet-choice.ts';
import { alone } from './subnet-lock.ts';

const predefinedNames = ['bridge', 'host', 'none'];
const longestInterfaceName = 15;

/** All networks of an engine: their records, and what their drivers have in the kernel. */
export class NetworkList {
  readonly records: NetworkRecords;
  readonly #ground: Ground;
  readonly #raised = new Map<string, DriverNetwork>();
  readonly #subnets: SubnetChoice;
  readonly #driverOptions: NonNullable<NetworksOptions['driverOptions']>;

  /** Loads the records, makes the predefined networks, and puts every network into the kernel. */
  constructor(options: NetworksOptions, ground: Ground) {
    this.#driverOptions = options.driverOptions ?? {};
    this.#ground = ground;
    this.records = new NetworkRecords(options.root, ground.log);
    this.#subnets = new SubnetChoice(() => this.records.list(), ground.host, options.addressPools ?? []);
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

  /** @throws not-found, unavailable when its driver could not make it */
  networkOf(record: NetworkRecord): DriverNetwork {
    return this.#raised.get(record.id) ?? this.#raiseNow(record);
  }

  find(id: string): DriverNetwork | undefined {
    return this.#raised.get(id);
  }

  /** @throws as {@link networkOf}; for a record of a bridge */
  bridgeOf(record: NetworkRecord): BridgeNetwork {
    this.networkOf(record);
    return this.findBridge(record.id) ?? unusable(record);
  }

  /** Only such have ports of the host. */
  findBridge(id: string): BridgeNetwork | undefined {
    const network = this.#raised.get(id);
    return network instanceof BridgeNetwork ? network : undefined;
  }

  raised(): DriverNetwork[] {
    return [...this.#raised.values()];
  }

  bridges(): BridgeNetwork[] {
    return this.raised().filter(network => network instanceof BridgeNetwork);
  }

  create(request: NetworkCreateRequest): NetworkRecord {
    return alone(() => this.#create(request));
  }

  async remove(record: NetworkRecord): Promise<void> {
    if (record.predefined) throw forbidden(`${record.name} is a pre-defined network and cannot be removed`);
    if (record.configOnly && this.records.list().some(({ configFrom }) => configFrom === record.name))
      throw forbidden(`error while removing network: configuration network "${record.name}" is in use`);
    if (!this.#isShared(record)) this.#raised.get(record.id)?.remove();
    this.#raised.delete(record.id);
    await this.records.remove(record);
  }

  /** New bridge networks that do not say otherwise are as the default one is. */
  get #defaultHasSix(): boolean {
    return this.networkOf(this.get('bridge')).record.enableIPv6;
  }

  /** Another network lives on the same link of the host. */
  #isShared = ({ id, parent }: NetworkRecord): boolean =>
    parent !== undefined && this.records.list().some(other => other.id !== id && other.parent?.link === parent.link);

  #create(request: NetworkCreateRequest): NetworkRecord {
    const record = this.#newRecord(request);
    try {
      if (!record.configOnly) this.#raiseNow(record);
      this.records.save(record);
    } catch (error) {
      this.#raised.get(record.id)?.remove();
      this.#raised.delete(record.id);
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
    if (request.configOnly) return { ...newRecord(request, 'null'), ...formOf(request) };
    if (driver === 'host' || driver === 'null') throw forbidden(`only one instance of "${driver}" network is allowed`);
    if (request.scope === 'swarm') throw forbidden('cannot create a swarm scoped network when swarm is not active');
    if (driver === 'overlay') throw forbidden(notSwarmManager);
    if (driver !== 'bridge' && !isParentDriver(driver)) throw notFound(`plugin "${driver}" not found`);
    const asked = withDefaults(filledIn({ ...request, driver }, this.records.list()), this.#driverOptions[driver]);
    const whole = { ...asked, enableIPv6: asked.enableIPv6 ?? (driver === 'bridge' && this.#defaultHasSix) };
    const { driver: ipamDriver = 'default', options = null } = whole.ipam ?? {};
    if (ipamDriver !== 'default') throw notFound(`plugin "${ipamDriver}" not found`);
    if (whole.enableIPv4 === false && !whole.enableIPv6) throw invalidArgument('IPv4 or IPv6 must be enabled');
    const record = newRecord(whole, driver);
    return {
      ...record,
      ...this.#placeOf(record),
      ipam: { driver: 'default', options, config: this.#subnets.forRequest(whole) },
    };
  }

  /** The host's link that the network is or lives on. @throws invalid-argument, conflict, internal */
  #placeOf({ driver, options, internal, id }: NetworkRecord): Pick<NetworkRecord, 'bridge' | 'parent'> {
    const { host } = this.#ground;
    if (isParentDriver(driver)) {
      const isThere = (link: string): boolean => findLink(host, link) !== undefined;
      return { parent: parentFor({ driver, options, id }, this.records.list(), isThere) };
    }
    checkOptions(options, { internal });
    const bridge = options[option.bridgeName] || `br-${id.slice(0, 12)}`;
    if (bridge.length > longestInterfaceName || !/^[A-Za-z_][\w.-]*$/.test(bridge))
      throw invalidArgument(`invalid bridge name: ${bridge}`);
    if (findLink(host, bridge)) throw conflict(`bridge ${bridge} is there already`);
    return { bridge };
  }

  #ensureSimple(name: string, driver: 'host' | 'null'): void {
    if (!this.records.findByName(name)) this.records.save(simpleRecord(name, driver, true));
  }

  /** The saved subnets stay as long as nothing else wants them; what the options say always wins. */
  #ensureDefaultBridge(asked: DefaultBridge): void {
    const wish = hasIpv6() ? asked : { ...asked, ipv6: undefined };
    const saved = this.records.findByName('bridge');
    if (saved?.bridge !== undefined && saved.bridge !== wish.name) this.#dropLeftover(saved.bridge);
    const before = saved ?? simpleRecord('bridge', 'bridge', true);
    const wanted = {
      enableIPv6: wish.ipv6 !== undefined,
      ipam: { driver: 'default', options: {}, config: this.#subnets.forDefault(wish, before) },
      options: { ...defaultBridgeOptions(wish.name), ...wish.options },
      bridge: wish.name,
    };
    const record = { ...before, ...wanted };
    if (!saved || JSON.stringify(record) !== JSON.stringify(saved)) this.records.save(record);
  }

  /** The default bridge was renamed: the old one goes, if nobody is plugged in. */
  #dropLeftover(bridge: string): void {
    const link = findLink(this.#ground.host, bridge);
    if (!link || portsOf(this.#ground.host, link.index).length > 0) return;
    removeBridge(this.#ground.host, bridge);
    this.#ground.firewall.removeBridge(bridge);
  }

  #raise(record: NetworkRecord): void {
    if (record.driver === 'host' || record.driver === 'null') return; // a form is `null`, too
    try {
      this.#raiseNow(record);
    } catch (error) {
      this.#makeDo(record, error);
    }
  }

  /**
   * What the kernel lacks of IPv6 must not cost a network its IPv4, nor one broken network all others: an engine starts
   * without it. Not without the default one.
   */
  #makeDo(record: NetworkRecord, error: unknown): void {
    const { name, predefined, enableIPv4, enableIPv6 } = record;
    const { log } = this.#ground;
    if (enableIPv4 && enableIPv6) {
      log.warn(`network ${name} is tried with IPv4 alone: ${messageOf(error)}`, { error });
      this.#raise({ ...record, enableIPv6: false });
    } else if (predefined) throw error;
    else log.error(`network ${name} cannot be used: ${messageOf(error)}`, { error });
  }

  #raiseNow(record: NetworkRecord): DriverNetwork {
    const network = isParentDriver(record.driver)
      ? new ParentNetwork(record, this.#ground)
      : new BridgeNetwork(record, this.#ground);
    this.#raised.set(record.id, network);
    return network;
  }
}

function unusable({ name }: NetworkRecord): never {
  throw new Error(`network ${name} is no bridge`);
}

const newRecord = (request: NetworkCreateRequest, driver: NetworkDriver): NetworkRecord => ({
  ...simpleRecord(request.name, driver, false),
  ...(request.scope && { scope: request.scope }),
  internal: request.internal ?? false,
  attachable: request.attachable ?? false,
  enableIPv4: request.enableIPv4 ?? true,
  enableIPv6: request.enableIPv6 ?? false,
  options: request.options ?? {},
  labels: request.labels ?? {},
  ...(request.configFrom && { configFrom: request.configFrom }),
});

const simpleRecord = (name: string, driver: NetworkDriver, predefined: boolean): NetworkRecord => ({
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
