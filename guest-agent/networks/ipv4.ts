import { invalidArgument } from '../../contracts/errors.ts';

/** A block of IPv4 addresses; `base` has its host bits zero. */
export interface Block {
  base: number;
  prefixLength: number;
}

/** The address as an unsigned number, or undefined if it is none. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
}

/** @throws invalid-argument */
export function requireIpv4(text: string): number {
  const value = parseIpv4(text);
  if (value === undefined) throw invalidArgument(`invalid IP address: ${text}`);
  return value;
}

export const ipv4Text = (value: number): string =>
  [value / 2 ** 24, value / 2 ** 16, value / 2 ** 8, value].map(part => Math.floor(part) % 256).join('.');

export const blockSize = ({ prefixLength }: Block): number => 2 ** (32 - prefixLength);

export function blockOf(address: number, prefixLength: number): Block {
  const size = 2 ** (32 - prefixLength);
  return { base: Math.floor(address / size) * size, prefixLength };
}

/** `172.17.0.5/16` → the address and its block. @throws invalid-argument */
export function parseCidr(text: string): { address: number; block: Block } {
  const [address = '', length = '', ...rest] = text.split('/');
  const value = parseIpv4(address);
  if (value === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || Number(length) > 32)
    throw invalidArgument(`invalid CIDR address: ${text}`);
  return { address: value, block: blockOf(value, Number(length)) };
}

export const blockText = ({ base, prefixLength }: Block): string => `${ipv4Text(base)}/${prefixLength}`;

export const contains = (block: Block, address: number): boolean =>
  address >= block.base && address < block.base + blockSize(block);

export const overlaps = (one: Block, other: Block): boolean => contains(one, other.base) || contains(other, one.base);
