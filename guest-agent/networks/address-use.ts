import type { Subnet } from './contract.ts';
import { parseIpv4 } from './ipv4.ts';
import { parseIpv6 } from './ipv6.ts';

/** How many addresses of a subnet nobody else can have, and how many of its range are free. */
export interface AddressUse {
  inUse: number;
  available: number;
}

/** The largest number below 2^64 that JavaScript has: what reads this into 64 bits must not fail. */
const most = 2n ** 64n - 2n ** 11n;

/** Beside `addresses`, those of containers: the network itself, its gateway, what was set aside, and IPv4's broadcast. Pure. */
export function addressUse(
  { subnet, gateway, ipRange, auxiliary = {} }: Subnet,
  addresses: readonly string[],
): AddressUse {
  const whole = blockOf(subnet);
  const range = ipRange ? blockOf(ipRange) : whole;
  const given = [gateway, ...Object.values(auxiliary), ...addresses].map(parseAddress);
  const inside = given.filter(address => address !== undefined && address >= whole.base && address <= whole.last);
  const used = new Set([whole.base, ...(whole.isV4 ? [whole.last] : []), ...inside]);
  const usedInRange = [...used].filter(
    address => address !== undefined && address >= range.base && address <= range.last,
  );
  const available = range.last - range.base + 1n - BigInt(usedInRange.length);
  return { inUse: used.size, available: Number(available < most ? available : most) };
}

function parseAddress(text: string): bigint | undefined {
  const [address = ''] = text.split('/');
  const v4 = parseIpv4(address);
  return v4 === undefined ? parseIpv6(address) : BigInt(v4);
}

function blockOf(cidr: string): { base: bigint; last: bigint; isV4: boolean } {
  const [address = '', length = ''] = cidr.split('/');
  const isV4 = parseIpv4(address) !== undefined;
  const size = 2n ** BigInt((isV4 ? 32 : 128) - Number(length));
  const base = ((parseAddress(address) ?? 0n) / size) * size;
  return { base, last: base + size - 1n, isV4 };
}
