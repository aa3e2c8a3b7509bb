import { goDurationMs } from '../../base/go-duration.ts';
import { invalidArgument } from '../../contracts/errors.ts';

const decimal: Record<string, number> = { '': 1, b: 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };
const binary: Record<string, number> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

function parseBytes(text: string, units: Record<string, number>): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i.exec(text) ?? [];
  if (digits === undefined) throw invalidArgument(`invalid size: '${text}'`);
  return Math.floor(Number(digits) * (units[unit.toLowerCase()] ?? 1));
}

/** `10m`, `1.5 GB` in decimal bytes, as go-units' FromHumanSize. @throws invalid-argument in its words */
export const parseHumanSize = (text: string): number => parseBytes(text, decimal);

/** `8m` as 8 MiB, as go-units' RAMInBytes. @throws invalid-argument in its words */
export const parseMemorySize = (text: string): number => parseBytes(text, binary);

/** @throws invalid-argument as Go's strconv.Atoi */
export function parseInteger(text: string, name = 'Atoi'): number {
  const pattern = name === 'ParseUint' ? /^\d+$/ : /^[+-]?\d+$/;
  if (!pattern.test(text)) throw invalidArgument(`strconv.${name}: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** @throws invalid-argument as Go's strconv.ParseBool */
export function parseBoolean(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw invalidArgument(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** `1.5s`, `1m30s` in milliseconds. @throws invalid-argument as Go's time.ParseDuration */
export function parseDuration(text: string): number {
  const duration = goDurationMs(text);
  if (duration === undefined) throw invalidArgument(`time: invalid duration ${JSON.stringify(text)}`);
  return duration;
}

const goNames: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  ETIMEDOUT: 'i/o timeout',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
};

/** Why an address could not be reached, in the words of Go's net package. */
export function dialFailure(error: unknown, network: string, address: string): string {
  const { code = '', message, hostname } = error as NodeJS.ErrnoException & { hostname?: string };
  if (code === 'ENOTFOUND') return `dial ${network}: lookup ${hostname ?? address}: no such host`;
  return `dial ${network} ${address}: ${goNames[code] ? `connect: ${goNames[code]}` : message}`;
}
