import { randomBytes } from 'node:crypto';
import { forbidden, internal, invalidArgument, unavailable } from '../../contracts/errors.ts';
import type { AddressBlock, Subnet } from './contract.ts';
import {
  type Block,
  blockOf,
  blockSize,
  blockText,
  contains,
  ipv4Text,
  overlaps,
  parseCidr,
  parseIpv4,
  requireIpv4,
} from './ipv4.ts';

const firstSixteen = 0xac110000; // 172.17.0.0/16 …
const lastSixteen = 0xac1f0000; // … 172.31.0.0/16
const firstTwenty = 0xc0a80000; // 192.168.0.0/20 …
const lastTwenty = 0xc0a8f000;

function* candidates(pools: readonly AddressBlock[]): Generator<Block> {
  for (const { base, size } of pools) yield* split(parseCidr(base).block, size);
  if (pools.length > 0) return;
  for (let base = firstSixteen; base <= lastSixteen; base += 2 ** 16) yield { base, prefixLength: 16 };
  for (let base = firstTwenty; base <= lastTwenty; base += 2 ** 12) yield { base, prefixLength: 20 };
}

function* split(whole: Block, prefixLength: number): Generator<Block> {
  const size = blockSize({ base: 0, prefixLength });
  for (let base = whole.base; base < whole.base + blockSize(whole); base += size) yield { base, prefixLength };
}

/** The first of the pools, Docker's if there are none, that touches none of `taken` (other networks, the host's routes). @throws unavailable */
export function chooseSubnet(taken: readonly Block[], pools: readonly AddressBlock[] = []): Subnet {
  for (const block of candidates(pools)) {
    if (!taken.some(other => overlaps(other, block)))
      return { subnet: blockText(block), gateway: ipv4Text(block.base + 1) };
  }
  throw unavailable('all predefined address pools have been fully subnetted');
}

/** What a user asked for, checked and completed. @throws invalid-argument, forbidden when it overlaps one of our networks */
export function completeSubnet(wish: Partial<Subnet>, taken: readonly Block[]): Subnet {
  if (wish.subnet === undefined)
    throw invalidArgument('invalid network config:\ninvalid subnet : invalid CIDR block notation');
  const { address, block } = wantedCidr(wish.subnet);
  if (address !== block.base)
    throw invalidArgument(`invalid network config:\ninvalid subnet ${wish.subnet}: it should be ${blockText(block)}`);
  if (block.prefixLength > 30) throw invalidArgument(`invalid subnet ${wish.subnet}: it has no room for containers`);
  if (taken.some(other => overlaps(other, block)))
    throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
  if (wish.ipRange !== undefined) requireInside(wish.ipRange, block, wish.subnet);
  const gateway = wish.gateway ? requireIpv4(wish.gateway.split('/')[0] ?? '') : firstOf(block, wish.ipRange);
  if (!contains(block, gateway))
    throw invalidArgument(
      `invalid network config:\ninvalid gateway ${ipv4Text(gateway)}: parent subnet ${wish.subnet} doesn't contain this address`,
    );
  if (gateway === block.base + blockSize(block) - 1 && !wish.gateway)
    throw internal('failed to allocate gateway (): no available addresses on this pool');
  for (const [name, address] of Object.entries(wish.auxiliary ?? {})) {
    if (!contains(block, parseIpv4(address) ?? -1))
      throw invalidArgument(
        `invalid network config:\ninvalid auxiliary address ${name}: parent subnet ${wish.subnet} doesn't contain this address`,
      );
  }
  return {
    subnet: blockText(block),
    gateway: ipv4Text(gateway),
    ...(!wish.gateway && { gatewayChosen: true as const }),
    ...(wish.ipRange !== undefined && { ipRange: wish.ipRange }),
    ...(wish.auxiliary && { auxiliary: wish.auxiliary }),
  };
}

function wantedCidr(text: string): ReturnType<typeof parseCidr> {
  try {
    return parseCidr(text);
  } catch (cause) {
    throw invalidArgument(`invalid network config:\ninvalid subnet ${text}: invalid CIDR block notation`, { cause });
  }
}

/** The first address of the part that addresses are chosen from; the subnet's very first is its own. */
const firstOf = (block: Block, range: string | undefined): number =>
  Math.max(block.base + 1, range === undefined ? 0 : parseCidr(range).block.base);

function requireInside(range: string, block: Block, subnet: string): void {
  const inner = parseCidr(range).block;
  if (inner.prefixLength < block.prefixLength || !contains(block, inner.base))
    throw invalidArgument(
      `invalid network config:\ninvalid ip-range ${range}: parent subnet ${subnet} doesn't contain ip-range`,
    );
}

/** The auxiliary address by which containers leave instead of the gateway, as Docker calls it. */
export const wayOutName = { ipv4: 'DefaultGatewayIPv4', ipv6: 'DefaultGatewayIPv6' } as const;

/** The addresses of one subnet: who has one is not known here, only which are in use. */
export class AddressPool {
  readonly prefixLength: number;
  readonly gateway: string;
  readonly #block: Block;
  readonly #range: Block;
  readonly #used = new Set<number>();

  /** `reserved`: the gateway is somebody's address. */
  constructor({ subnet, gateway, ipRange, auxiliary = {} }: Subnet, { reserved = true } = {}) {
    this.#block = parseCidr(subnet).block;
    this.#range = ipRange ? parseCidr(ipRange).block : this.#block;
    this.prefixLength = this.#block.prefixLength;
    this.gateway = auxiliary[wayOutName.ipv4] ?? gateway;
    if (reserved) this.#used.add(requireIpv4(gateway));
    for (const address of Object.values(auxiliary)) this.#used.add(requireIpv4(address));
    this.#used.add(this.#block.base);
    this.#used.add(this.#block.base + blockSize(this.#block) - 1);
  }

  /** The lowest free address, or `wanted`. @throws forbidden when it is in use, invalid-argument when it is outside */
  allocate(wanted?: string): string {
    if (wanted !== undefined) return this.#take(requireIpv4(wanted));
    const free = this.#firstFree();
    if (free === undefined) throw unavailable("no available IPv4 addresses on this network's address pools");
    return this.#take(free);
  }

  get isFull(): boolean {
    return this.#firstFree() === undefined;
  }

  has(address: string): boolean {
    return contains(this.#block, parseIpv4(address) ?? -1);
  }

  /** Any number of times. */
  release(address: string): void {
    this.#used.delete(requireIpv4(address));
  }

  #firstFree(): number | undefined {
    const end = this.#range.base + blockSize(this.#range);
    for (let address = this.#range.base; address < end; address++) if (!this.#used.has(address)) return address;
    return undefined;
  }

  #take(address: number): string {
    if (!contains(this.#block, address))
      throw invalidArgument(`no configured subnet contains IP address ${ipv4Text(address)}`);
    if (this.#used.has(address)) throw forbidden('Address already in use');
    this.#used.add(address);
    return ipv4Text(address);
  }
}

/**
 * `02:42:ac:11:00:02` for 172.17.0.2: an address keeps its MAC, so neighbours' caches stay true when it is used again.
 * Without an IPv4 address any that is ours to give.
 */
export const macOf = (address: string): string =>
  `02:42:${[...(address ? address.split('.').map(Number) : randomBytes(4))].map(part => part.toString(16).padStart(2, '0')).join(':')}`;

/** `172.17.0.1/16` (Docker's `bip`) as a subnet. @throws invalid-argument */
export function subnetOfBridge(cidr: string): Subnet {
  const { address, block } = parseCidr(cidr);
  const gateway = address === block.base ? block.base + 1 : address;
  return { subnet: blockText(blockOf(address, block.prefixLength)), gateway: ipv4Text(gateway) };
}
