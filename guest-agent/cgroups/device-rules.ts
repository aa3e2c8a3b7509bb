import type { DeviceRule } from '../../contracts/oci/runtime-spec.ts';

/** Writes into one of the two files of cgroup v1, one after the other. */
export interface DeviceWrites {
  file: 'devices.allow' | 'devices.deny';
  values: string[];
}

/** What a rule list comes to: a default and what differs from it. */
export interface DevicePolicy {
  allowedByDefault: boolean;
  exceptions: DeviceException[];
}

/** `major` and `minor` undefined stand for all numbers. `access` is a subset of `rwm` in that order. */
export interface DeviceException {
  type: 'b' | 'c';
  major: number | undefined;
  minor: number | undefined;
  access: string;
}

const everything = (rule: DeviceRule): boolean => rule.type === undefined || rule.type === 'a';
const number = (value: number | undefined): string => (value === undefined || value < 0 ? '*' : String(value));

/** The rules as the old devices controller takes them, in order; neighbours that go into the same file together. */
export function deviceWrites(rules: DeviceRule[]): DeviceWrites[] {
  const writes: DeviceWrites[] = [];
  for (const rule of rules) {
    const file = rule.allow ? 'devices.allow' : 'devices.deny';
    const value = everything(rule)
      ? 'a'
      : `${rule.type} ${number(rule.major)}:${number(rule.minor)} ${rule.access ?? 'rwm'}`;
    const last = writes.at(-1);
    if (last?.file === file) last.values.push(value);
    else writes.push({ file, values: [value] });
  }
  return writes;
}

const numberOrAll = (value: number | undefined): number | undefined =>
  value === undefined || value < 0 ? undefined : value;

/** Plays the rules through as the v1 controller would (security/device_cgroup.c), for v2 knows only the outcome. */
export function devicePolicy(rules: DeviceRule[]): DevicePolicy {
  let allowedByDefault = true;
  const exceptions = new Map<string, DeviceException>();
  for (const rule of rules) {
    if (everything(rule)) {
      allowedByDefault = rule.allow;
      exceptions.clear();
      continue;
    }
    const type = rule.type === 'b' ? 'b' : 'c';
    const key = `${type} ${number(rule.major)}:${number(rule.minor)}`;
    const had = exceptions.get(key)?.access ?? '';
    const named = rule.access ?? 'rwm';
    const adds = rule.allow !== allowedByDefault;
    const access = [...'rwm']
      .filter(letter => (adds ? (had + named).includes(letter) : had.includes(letter) && !named.includes(letter)))
      .join('');
    if (access) exceptions.set(key, { type, major: numberOrAll(rule.major), minor: numberOrAll(rule.minor), access });
    else exceptions.delete(key);
  }
  return { allowedByDefault, exceptions: [...exceptions.values()] };
}
