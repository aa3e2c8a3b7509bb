import { constants } from 'node:os';

const names = new Map<number, string>([
  [15, 'ENOTBLK'], // Node knows none of this name
  ...Object.entries(constants.errno).map(([name, value]): [number, string] => [value, name]),
]);

/** `ENOENT` for 2; `errno 999` for what has no name. */
export const errnoName = (value: number): string => names.get(value) ?? `errno ${value}`;
