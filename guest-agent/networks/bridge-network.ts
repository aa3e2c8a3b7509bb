import { invalidArgument } from '../../contracts/errors.ts';
import type { PortForward } from '../firewall/index.ts';
import { forgetDatagrams } from '../netlink/index.ts';
import { Addressing, isSixth } from './addressing.ts';
import { ensureBridge, outerMtu, removeBridge } from './bridge.ts';
import type { Endpoint, NetworkRecord, PublishedPort, Subnet } from './contract.ts';
import type { DriverNetwork, Ground } from './driver-network.ts';
import { macOf } from './ipam.ts';
import { isIsolated, isOn, isRouted, openTo, option, sourceOf } from './network-options.ts';
import { type Namespace, type Port, plugIn, type Wire } from './sandbox.ts';

/** A bridge in the kernel with its addresses and its table of rules, as a record describes it. Synchronous. */
export class BridgeNetwork implements DriverNetwork {
  readonly record: NetworkRecord;
  readonly bridge: string;
  readonly addresses: Addressing;
  readonly #subnets: { four?: Subnet; six?: Subnet };
  readonly index: number;
  readonly #ground: Ground;
  readonly #mtu: number;
  readonly #forwards = new Map<string, PortForward[]>();

  /** Makes what is missing and repairs the rest. @throws SyscallError, NftError */
  constructor(record: NetworkRecord, ground: Ground) {
    if (record.bridge === undefined || record.ipam.config.length === 0)
      throw invalidArgument(`network ${record.name} has no subnet`);
    this.record = record;
    this.bridge = record.bridge;
    const four = record.ipam.config.find(one => !isSixth(one));
    const six = record.enableIPv6 ? record.ipam.config.find(isSixth) : undefined;
    this.#subnets = { ...(four && { four }), ...(six && { six }) };
    const leads = record.internal ? 'nowhere' : 'gateway';
    const { options } = record;
    this.addresses = new Addressing(record, {
      leads,
      reserved: !isIsolated(options, 'four') && !isOn(options[option.withoutAddress], false),
    });
    this.#ground = ground;
    this.#mtu = Number(record.options[option.mtu]) || outerMtu(ground.host);
    this.#makeRules(); // before the bridge: route_localnet must never be without its guard
    const spec = { name: this.bridge, ...this.#ownSubnets(), ipv6: six !== undefined, mtu: this.#mtu };
    this.index = ensureBridge(ground.host, spec, ground.log);
  }

  plug(namespace: Namespace, interfaceName: string): Wire {
    return plugIn(this.#ground.host, namespace, interfaceName, this.#port);
  }

  macFor(ipAddress: string): string {
    return macOf(ipAddress);
  }

  /** Those of which the bridge has an address. */
  #ownSubnets(): { four?: Subnet; six?: Subnet } {
    const { four, six } = this.#subnets;
    const { options } = this.record;
    const hasFour = !isIsolated(options, 'four') && !isOn(options[option.withoutAddress], false);
    return { ...(four && hasFour && { four }), ...(six && !isIsolated(options, 'six') && { six }) };
  }

  get #port(): Port {
    const isolated = !isOn(this.record.options[option.betweenContainers], true);
    return { bridge: this.index, mtu: this.#mtu, isolated, ipv6: this.addresses.hasSix };
  }

  /** On which of the host's addresses ports are published if the user does not say; undefined: on all. */
  get hostAddress(): string | undefined {
    const address = this.record.options[option.hostAddress];
    return address === '0.0.0.0' ? undefined : address;
  }

  publish(id: string, endpoint: Endpoint, ports: readonly PublishedPort[]): void {
    const forwards = this.#forwardsTo(endpoint, ports);
    if (forwards.length === 0) return;
    const { firewall, log } = this.#ground;
    try {
      firewall.publish(this.bridge, forwards);
    } catch (error) {
      log.warn('the rules of a bridge are not as they were left, and are made anew', { bridge: this.bridge, error });
      this.repair();
      firewall.publish(this.bridge, forwards);
    }
    this.#forwards.set(id, forwards);
    this.#forgetSenders(forwards);
  }

  /** After a restart: remembered now, put in with all others by {@link reconcile}. */
  remember(id: string, endpoint: Endpoint, ports: readonly PublishedPort[]): void {
    const forwards = this.#forwardsTo(endpoint, ports);
    if (forwards.length > 0) this.#forwards.set(id, forwards);
  }

  /** Ports of an address of the host lead to the container's address of the same family; those without are let in there. */
  #forwardsTo({ ipAddress, ipv6Address }: Endpoint, ports: readonly PublishedPort[]): PortForward[] {
    return ports.flatMap(port => {
      const six = port.hostIp.includes(':');
      const address = six ? ipv6Address : ipAddress;
      const leads = port.hostPort > 0 || isRouted(this.record.options, six ? 'six' : 'four');
      return address && leads ? [{ ...port, address }] : [];
    });
  }

  /** By id, any number of times; never throws: whoever gives back goes on. */
  withdraw(id: string): void {
    const forwards = this.#forwards.get(id);
    if (!forwards) return;
    this.#forwards.delete(id);
    try {
      this.#ground.firewall.withdraw(this.bridge, forwards);
    } catch (error) {
      this.#ground.log.warn('published ports were not where they were left', { bridge: this.bridge, error });
      this.#tryRepair();
    }
    this.#forgetSenders(forwards);
  }

  /** Makes the kernel's published ports exactly those that we know. */
  reconcile(): void {
    this.#ground.firewall.replace(this.bridge, [...this.#forwards.values()].flat());
  }

  /** Datagrams of a steady sender would go where they went before the rules changed, for ever. */
  #forgetSenders(forwards: readonly PortForward[]): void {
    const datagrams = forwards.filter(({ protocol }) => protocol === 'udp');
    if (datagrams.length === 0) return;
    try {
      this.#ground.tracking.request(...datagrams.map(({ hostPort }) => forgetDatagrams(hostPort)));
    } catch (error) {
      this.#ground.log.debug('old senders of datagrams keep their way', { bridge: this.bridge, error }); // Linux before 6.9
    }
  }

  /** Somebody flushed the rules (`nft flush ruleset`): everything is said anew. */
  repair(): void {
    this.#makeRules();
    this.reconcile();
  }

  #tryRepair(): void {
    try {
      this.repair();
    } catch (error) {
      this.#ground.log.error('the rules of a bridge cannot be repaired', { bridge: this.bridge, error });
    }
  }

  #makeRules(): void {
    this.#ground.firewall.ensureBridge({
      bridge: this.bridge,
      subnet: this.#subnets.four?.subnet,
      subnet6: this.#subnets.six?.subnet,
      internal: this.record.internal,
      masquerade: isOn(this.record.options[option.masquerade], true),
      sources: { ip: sourceOf(this.record.options, 'four'), ip6: sourceOf(this.record.options, 'six') },
      routed: routedFamilies(this.record.options),
      openTo: { ip: openTo(this.record.options, 'four'), ip6: openTo(this.record.options, 'six') },
    });
  }

  /** Takes bridge and rules away, any number of times. */
  remove(): void {
    removeBridge(this.#ground.host, this.bridge);
    this.#ground.firewall.removeBridge(this.bridge);
  }
}

const routedFamilies = (options: NetworkRecord['options']): ('ip' | 'ip6')[] => [
  ...(isRouted(options, 'four') ? (['ip'] as const) : []),
  ...(isRouted(options, 'six') ? (['ip6'] as const) : []),
];

/** The default network's options, in Docker's words. */
export const defaultBridgeOptions = (bridge: string): Record<string, string> => ({
  'com.docker.network.bridge.default_bridge': 'true',
  [option.betweenContainers]: 'true',
  [option.masquerade]: 'true',
  [option.hostAddress]: '0.0.0.0',
  [option.bridgeName]: bridge,
});
