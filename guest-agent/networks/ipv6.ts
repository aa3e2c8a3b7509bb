import { createHash } from 'node:crypto';
import { forbidden, invalidArgument, unavailable } from '../../contracts/errors.ts';
import type { AddressBlock, Subnet } from './contract.ts';
import { wayOutName } from './ipam.ts';

/** A block of IPv6 addresses; `base` has its host bits zero. */
export interface Block6 {
  base: bigint;
  prefixLength: number;
}

const bits = 128;
const usualPrefix = 64;

/** The address as a number, or undefined if it is none. Zones are none. */
export function parseIpv6(text: string): bigint | undefined {
  const [head = '', tail, ...rest] = text.split('::');
  if (rest.length > 0 || !text.includes(':')) return undefined;
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...front, ...Array<string>(missing).fill('0'), ...back];
  if (!all.every(group => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return BigInt(`0x${all.map(group => group.padStart(4, '0')).join('')}`);
}

/** As RFC 5952 wants it: the longest run of zeros is left out. */
export function ipv6Text(value: bigint): string {
  const hex = value.toString(16).padStart(32, '0');
  const groups = (hex.match(/.{4}/g) ?? []).map(group => Number.parseInt(group, 16).toString(16));
  const text = groups.join(':');
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((one, other) => other[0].length - one[0].length);
  const [longest] = runs;
  if (!longest) return text;
  const before = text.slice(0, longest.index);
  const after = text.slice(longest.index + longest[0].length);
  return `${before}::${after.replace(/^:/, '')}`;
}

/** Sixteen bytes. @throws invalid-argument */
export function ipv6Bytes(text: string): Buffer {
  const value = parseIpv6(text);
  if (value === undefined) throw invalidArgument(`invalid IPv6 address: ${text}`);
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex');
}

/** `fd00:1::/64` → the address and its block; undefined if it is none. */
export function parseCidr6(text: string): { address: bigint; block: Block6 } | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const value = parseIpv6(address);
  const prefixLength = /^\d{1,3}$/.test(length) ? Number(length) : bits + 1;
  if (value === undefined || rest.length > 0 || prefixLength > bits) return undefined;
  const hostBits = BigInt(bits - prefixLength);
  return { address: value, block: { base: (value >> hostBits) << hostBits, prefixLength } };
}

const sizeOf = ({ prefixLength }: Block6): bigint => 1n << BigInt(bits - prefixLength);
const contains = (block: Block6, address: bigint): boolean =>
  address >= block.base && address < block.base + sizeOf(block);
const overlaps = (one: Block6, other: Block6): boolean => contains(one, other.base) || contains(other, one.base);
const blockText = ({ base, prefixLength }: Block6): string => `${ipv6Text(base)}/${prefixLength}`;

const blocksOf = (subnets: readonly string[]): Block6[] => subnets.flatMap(text => parseCidr6(text)?.block ?? []);

/** A free subnet of the pools; without any, a /64 of a local block (RFC 4193) that belongs to this engine alone, as `seed` does. */
export function chooseSubnet6(seed: string, taken: readonly string[], pools: readonly AddressBlock[] = []): Subnet {
  const others = blocksOf(taken);
  for (const block of candidates(seed, pools)) {
    if (others.some(other => overlaps(other, block))) continue;
    return { subnet: blockText(block), gateway: ipv6Text(block.base + 1n), subnetChosen: true };
  }
  throw unavailable('all predefined address pools have been fully subnetted');
}

function* candidates(seed: string, pools: readonly AddressBlock[]): Generator<Block6> {
  for (const { base, size } of pools) {
    const whole = parseCidr6(base)?.block;
    if (whole) yield* split(whole, size);
  }
  if (pools.length > 0) return;
  const engine = BigInt(`0xfd${createHash('sha256').update(seed).digest('hex').slice(0, 10)}`) << 80n;
  yield* split({ base: engine, prefixLength: 48 }, usualPrefix);
}

function* split(whole: Block6, prefixLength: number): Generator<Block6> {
  const step = sizeOf({ base: 0n, prefixLength });
  for (let base = whole.base; base < whole.base + sizeOf(whole); base += step) yield { base, prefixLength };
}

/** What a user asked for, checked and completed. @throws invalid-argument, forbidden when it overlaps one of our networks */
export function completeSubnet6(wish: Partial<Subnet>, taken: readonly string[]): Subnet {
  const { subnet = '', gateway, ipRange } = wish;
  const parsed = parseCidr6(subnet);
  if (!parsed) throw invalidArgument(`invalid network config:\ninvalid subnet ${subnet}: invalid CIDR block notation`);
  const { address, block } = parsed;
  if (address !== block.base)
    throw invalidArgument(`invalid network config:\ninvalid subnet ${subnet}: it should be ${blockText(block)}`);
  if (blocksOf(taken).some(other => overlaps(other, block)))
    throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
  const outside = (text: string | undefined): boolean =>
    text !== undefined && !contains(block, parseIpv6(text.split('/')[0] ?? '') ?? -1n);
  if (gateway && outside(gateway))
    throw invalidArgument(
      `invalid network config:\ninvalid gateway ${gateway}: parent subnet ${subnet} doesn't contain this address`,
    );
  if (ipRange && outside(ipRange))
    throw invalidArgument(
      `invalid network config:\ninvalid ip-range ${ipRange}: parent subnet ${subnet} doesn't contain ip-range`,
    );
  return {
    subnet: blockText(block),
    gateway: ipv6Text((gateway ? parseIpv6(gateway.split('/')[0] ?? '') : undefined) ?? firstOf(block, ipRange)),
    ...(!gateway && { gatewayChosen: true as const }),
    ...(ipRange && { ipRange }),
    ...(wish.auxiliary && { auxiliary: wish.auxiliary }),
  };
}

/** As of IPv4: the first of the part that addresses are chosen from, but never the subnet's own. */
function firstOf({ base }: Block6, range = ''): bigint {
  const first = parseCidr6(range)?.block.base ?? base;
  return first > base ? first : base + 1n;
}

/** Whether a subnet has an address. */
export const holds = (subnet: string, address: string): boolean => {
  const value = parseIpv6(address);
  const parsed = parseCidr6(subnet);
  return value !== undefined && parsed !== undefined && contains(parsed.block, value);
};

/** The addresses of one IPv6 subnet: which are in use. */
export class AddressPool6 {
  readonly prefixLength: number;
  readonly gateway: string;
  readonly #block: Block6;
  readonly #range: Block6;
  readonly #used = new Set<bigint>();

  /** `reserved`: the gateway is somebody's address. */
  constructor({ subnet, gateway, ipRange, auxiliary = {} }: Subnet, { reserved = true } = {}) {
    const whole = parseCidr6(subnet)?.block;
    if (!whole) throw invalidArgument(`invalid CIDR address: ${subnet}`);
    this.#block = whole;
    this.#range = (ipRange && parseCidr6(ipRange)?.block) || whole;
    this.prefixLength = whole.prefixLength;
    this.gateway = auxiliary[wayOutName.ipv6] ?? gateway;
    for (const address of [...(reserved ? [gateway] : []), ...Object.values(auxiliary)])
      this.#used.add(parseIpv6(address) ?? whole.base);
    this.#used.add(whole.base);
  }

  /** The lowest free address, or `wanted`. @throws forbidden when it is in use, invalid-argument when it is outside */
  allocate(wanted?: string): string {
    if (wanted !== undefined) return this.#take(parseIpv6(wanted) ?? -1n);
    const free = this.#firstFree();
    if (free === undefined) throw unavailable("no available IPv6 addresses on this network's address pools");
    return this.#take(free);
  }

  get isFull(): boolean {
    return this.#firstFree() === undefined;
  }

  has(address: string): boolean {
    return contains(this.#block, parseIpv6(address) ?? -1n);
  }

  /** Any number of times. */
  release(address: string): void {
    this.#used.delete(parseIpv6(address) ?? -1n);
  }

  #firstFree(): bigint | undefined {
    const end = this.#range.base + sizeOf(this.#range);
    for (let address = this.#range.base; address < end; address++) if (!this.#used.has(address)) return address;
    return undefined;
  }

  #take(address: bigint): string {
    if (!contains(this.#block, address)) throw invalidArgument('no configured subnet contains this IPv6 address');
    if (this.#used.has(address)) throw forbidden('Address already in use');
    this.#used.add(address);
    return ipv6Text(address);
  }
}

/** `fd00:1::1/64` (Docker's `bip6`) or a whole block as a subnet. @throws invalid-argument */
export function subnetOfBridge6(cidr: string): Subnet {
  const parsed = parseCidr6(cidr);
  if (!parsed) throw invalidArgument(`invalid CIDR address: ${cidr}`);
  const { address, block } = parsed;
  return { subnet: blockText(block), gateway: ipv6Text(address === block.base ? block.base + 1n : address) };
}
