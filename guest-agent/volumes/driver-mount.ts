import { own } from '../../base/own.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import {
  MS_BIND,
  MS_DIRSYNC,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from '../syscalls/mount-flags.ts';

/** What mount(2) is asked for, to make a volume of the options `type`, `device` and `o`. */
export interface DriverMount {
  source: string;
  type: string;
  flags: number;
  data: string;
}

const knownOptions = ['type', 'o', 'device', 'size'];
/** An option → what must be there as well, in the order in which dockerd misses it. */
const needs: readonly (readonly [string, readonly string[]])[] = [
  ['device', ['type']],
  ['type', ['device']],
  ['o', ['device', 'type']],
];
const sizePattern = /^\d+(\.\d+)?\s*([kmgtp]i?b?|b)?$/i;

/** @throws invalid-argument in Docker's words */
export function checkDriverOptions(volume: string, options: Readonly<Record<string, string>>): void {
  const refuse = (why: string) => invalidArgument(`create ${volume}: ${why}`);
  for (const name of Object.keys(options)) {
    if (!knownOptions.includes(name)) throw refuse(`invalid option: "${name}"`);
  }
  for (const [option, wanted] of needs) {
    const missing = option in options ? wanted.find(other => !(other in options)) : undefined;
    if (missing) throw refuse(`missing required option: "${missing}"`);
  }
  if (options.size === undefined) return;
  if (!sizePattern.test(options.size)) throw refuse(`invalid size: '${options.size}'`);
  throw refuse('quota size requested but no quota support');
}

/** Bits that an option sets, and whether it clears them instead. mount(8) */
const flagOptions: Readonly<Record<string, readonly [number, 'set' | 'clear']>> = {
  defaults: [0, 'set'],
  ro: [MS_RDONLY, 'set'],
  rw: [MS_RDONLY, 'clear'],
  suid: [MS_NOSUID, 'clear'],
  nosuid: [MS_NOSUID, 'set'],
  dev: [MS_NODEV, 'clear'],
  nodev: [MS_NODEV, 'set'],
  exec: [MS_NOEXEC, 'clear'],
  noexec: [MS_NOEXEC, 'set'],
  sync: [MS_SYNCHRONOUS, 'set'],
  async: [MS_SYNCHRONOUS, 'clear'],
  dirsync: [MS_DIRSYNC, 'set'],
  remount: [MS_REMOUNT, 'set'],
  mand: [MS_MANDLOCK, 'set'],
  nomand: [MS_MANDLOCK, 'clear'],
  atime: [MS_NOATIME, 'clear'],
  noatime: [MS_NOATIME, 'set'],
  diratime: [MS_NODIRATIME, 'clear'],
  nodiratime: [MS_NODIRATIME, 'set'],
  relatime: [MS_RELATIME, 'set'],
  norelatime: [MS_RELATIME, 'clear'],
  strictatime: [MS_STRICTATIME, 'set'],
  nostrictatime: [MS_STRICTATIME, 'clear'],
  bind: [MS_BIND, 'set'],
  rbind: [MS_BIND | MS_REC, 'set'],
  unbindable: [MS_UNBINDABLE, 'set'],
  runbindable: [MS_UNBINDABLE | MS_REC, 'set'],
  private: [MS_PRIVATE, 'set'],
  rprivate: [MS_PRIVATE | MS_REC, 'set'],
  shared: [MS_SHARED, 'set'],
  rshared: [MS_SHARED | MS_REC, 'set'],
  slave: [MS_SLAVE, 'set'],
  rslave: [MS_SLAVE | MS_REC, 'set'],
};

/** What the options ask to be mounted; undefined for a volume that is just a directory. */
export function toDriverMount(options: Readonly<Record<string, string>>): DriverMount | undefined {
  const { type = '', device: source = '', o = '' } = options;
  if (type === '' && source === '') return undefined;
  let flags = 0;
  const data: string[] = [];
  for (const option of o.split(',').filter(Boolean)) {
    const [bits, how] = own(flagOptions, option) ?? [];
    if (bits === undefined) data.push(option);
    else flags = how === 'set' ? flags | bits : flags & ~bits;
  }
  return { source, type, flags, data: data.join(',') };
}

const networkTypes = ['nfs', 'cifs'];
const isAddress = (text: string): boolean => /^\d+(\.\d+){3}$/.test(text) || text.includes(':');

/**
 * The server's name in a mount over the network, which the kernel does not look up, and the mount with its address in
 * the place of the name.
 */
export function serverOf(mount: DriverMount): { name: string; withAddress(address: string): DriverMount } | undefined {
  if (!networkTypes.includes(mount.type)) return undefined;
  const stated = mount.data.split(',').find(option => option.startsWith('addr='));
  if (stated !== undefined && stated !== 'addr=') {
    const name = stated.slice('addr='.length);
    if (isAddress(name)) return undefined;
    return { name, withAddress: address => ({ ...mount, data: mount.data.replace(stated, `addr=${address}`) }) };
  }
  const [, host] = mount.type === 'cifs' ? (/^\/\/([^/]+)/.exec(mount.source) ?? []) : [];
  if (!host || isAddress(host)) return undefined;
  return { name: host, withAddress: address => ({ ...mount, source: mount.source.replace(host, address) }) };
}

/** A mount that failed, as dockerd tells it; a password is not for the log. */
export function describeMount({ source, flags, data }: DriverMount, target: string): string {
  const hidden = data.replace(/(^|,)password=[^,]*/, '$1password=********');
  const parts = [
    `mount ${source === '' ? '' : `${source}:`}${target}`,
    ...(flags === 0 ? [] : [`flags: 0x${flags.toString(16)}`]),
    ...(hidden === '' ? [] : [`data: ${hidden}`]),
  ];
  return parts.join(', ');
}
