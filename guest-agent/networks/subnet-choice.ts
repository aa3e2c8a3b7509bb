import { forbidden, internal, invalidArgument } from '../../contracts/errors.ts';
import type { RouteConnection } from '../netlink/index.ts';
import { isSixth } from './addressing.ts';
import { routedBlocks } from './bridge.ts';
import type {
  AddressBlock,
  DefaultBridge,
  FamilyWish,
  NetworkCreateRequest,
  NetworkRecord,
  Subnet,
} from './contract.ts';
import { readHostResolver } from './host-files.ts';
import { chooseSubnet, completeSubnet, subnetOfBridge, wayOutName } from './ipam.ts';
import { type Block, blockOf, contains, overlaps, parseCidr, parseIpv4 } from './ipv4.ts';
import { chooseSubnet6, completeSubnet6, holds, parseIpv6, subnetOfBridge6 } from './ipv6.ts';

/** Which subnets an engine's networks have: those that users wish for, else free ones of the pools. */
export class SubnetChoice {
  readonly #list: () => NetworkRecord[];
  readonly #host: RouteConnection;
  readonly #pools: readonly AddressBlock[];

  constructor(list: () => NetworkRecord[], host: RouteConnection, pools: readonly AddressBlock[]) {
    this.#list = list;
    this.#host = host;
    this.#pools = pools;
  }

  /** At least one of each family that the network has. @throws EngineError in Docker's words */
  forRequest({ driver, ipam, enableIPv4 = true, enableIPv6 = false }: NetworkCreateRequest): Subnet[] {
    const wishes = (ipam?.config ?? []).filter(wish => wish.subnet || wish.gateway || wish.ipRange);
    const six = wishes.filter(wish => `${wish.subnet}${wish.gateway}`.includes(':'));
    const four = wishes.filter(wish => !six.includes(wish));
    if ((six.length > 1 || four.length > 1) && driver === 'bridge')
      throw forbidden("bridge driver doesn't support multiple subnets");
    const chosen = [...(enableIPv4 ? this.#four(four) : []), ...(enableIPv6 ? this.#six(six) : [])];
    for (const subnet of chosen) requireApart(subnet, driver === 'bridge' || !subnet.gatewayChosen);
    return chosen;
  }

  /** What the default network has: as the options say, else as it was while nothing else wants it, else what is free. */
  forDefault(wish: DefaultBridge, record: NetworkRecord): Subnet[] {
    const four = wish.cidr ? subnetOfBridge(wish.cidr) : this.#keptOrFree(record, wish.name);
    return [withWish(four, wish), ...(wish.ipv6 ? [this.#defaultSix(wish.ipv6, record)] : [])];
  }

  #defaultSix(wish: FamilyWish, { id, ipam }: NetworkRecord): Subnet {
    const { cidr, range, gateway } = wish;
    if (cidr) return withWish(subnetOfBridge6(cidr), wish);
    if (range) return withWish(subnetOfBridge6(range), { gateway });
    const kept = ipam.config.find(isSixth);
    const [free] = kept ? [kept] : this.#six([], id);
    return withWish({ subnet: free?.subnet ?? '', gateway: free?.gateway ?? '' }, { gateway });
  }

  #keptOrFree(record: NetworkRecord, bridge: string): Subnet {
    const taken = this.#takenBlocks(record.id);
    const kept = record.ipam.config.find(one => !isSixth(one));
    const fits = (subnet: Subnet): boolean => !taken.some(block => overlaps(block, parseCidr(subnet.subnet).block));
    if (kept && record.bridge === bridge && fits(kept)) return { subnet: kept.subnet, gateway: kept.gateway };
    return chooseSubnet(taken, this.#fourPools());
  }

  /** IPv6 subnets as wished, or one of the pools, or else of this engine's own block: no two default networks have the same id. */
  #six(wishes: readonly Partial<Subnet>[], except?: string): Subnet[] {
    const others = this.#list().filter(({ id }) => id !== except);
    const taken = others.flatMap(record => record.ipam.config.filter(isSixth).map(({ subnet }) => subnet));
    const seed = this.#list().find(({ name }) => name === 'bridge')?.id ?? except ?? '';
    if (wishes.length === 0) return [chooseSubnet6(seed, taken, this.#pools.filter(isSixthPool))];
    return wishes.map((wish, index) =>
      completeSubnet6(wish, [...taken, ...wishes.slice(0, index).map(({ subnet = '' }) => subnet)]),
    );
  }

  #four(wishes: readonly Partial<Subnet>[]): Subnet[] {
    if (wishes.length === 0)
      return [{ ...chooseSubnet(this.#takenBlocks(), this.#fourPools()), subnetChosen: true as const }];
    const complete: Subnet[] = [];
    for (const wish of wishes) {
      const before = complete.map(({ subnet }) => parseCidr(subnet).block);
      complete.push(completeSubnet(wish, [...this.#ownBlocks(), ...before]));
    }
    return complete;
  }

  #fourPools = (): AddressBlock[] => this.#pools.filter(pool => !isSixthPool(pool));

  #ownBlocks(except?: string): Block[] {
    return this.#list()
      .filter(record => record.id !== except && !record.configOnly)
      .flatMap(record => record.ipam.config.filter(one => !isSixth(one)).map(({ subnet }) => parseCidr(subnet).block));
  }

  /** Our networks, what the host has routes to, and its name servers. */
  #takenBlocks(except?: string): Block[] {
    const ours = this.#list().flatMap(record => record.bridge ?? []);
    const servers = readHostResolver().servers.flatMap(server => parseIpv4(server) ?? []);
    return [
      ...this.#ownBlocks(except),
      ...routedBlocks(this.#host, ours),
      ...servers.map(server => blockOf(server, 32)),
    ];
  }
}

/** No two of a subnet's own are one address; `reserved`: its gateway is somebody's. @throws internal in Docker's words */
function requireApart({ gateway, auxiliary = {} }: Subnet, reserved: boolean): void {
  const numberOf = (address: string): number | bigint | undefined => parseIpv4(address) ?? parseIpv6(address);
  const taken = new Set(reserved ? [numberOf(gateway)] : []);
  for (const [name, address] of Object.entries(auxiliary)) {
    if (taken.has(numberOf(address)))
      throw internal(`failed to allocate secondary ip address (${name}:${address}): Address already in use`);
    taken.add(numberOf(address));
  }
}

/** With the part that addresses are chosen from, and the router that containers leave by if not by us. @throws invalid-argument */
function withWish(subnet: Subnet, { range, gateway }: FamilyWish): Subnet {
  const name = isSixth(subnet) ? wayOutName.ipv6 : wayOutName.ipv4;
  const parsed =
    gateway === undefined ? undefined : isSixth(subnet) ? holds(subnet.subnet, gateway) : isIn(subnet, gateway);
  if (parsed === false)
    throw invalidArgument(`auxiliary address: (${name}:${gateway}) must belong to the master pool: ${subnet.subnet}`);
  return { ...subnet, ...(range && { ipRange: range }), ...(gateway && { auxiliary: { [name]: gateway } }) };
}

const isIn = ({ subnet }: Subnet, address: string): boolean =>
  contains(parseCidr(subnet).block, parseIpv4(address) ?? -1);

const isSixthPool = ({ base }: AddressBlock): boolean => base.includes(':');
