import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import type { DeviceMapping } from '../../contracts/docker/host-config.ts';
import { invalidArgument, notFound } from '../../contracts/errors.ts';
import type { DeviceRule, RuntimeDevice } from '../../contracts/oci/runtime-spec.ts';

/** Devices for one container: the nodes to make and the rules that allow their use. */
export interface ChosenDevices {
  devices: RuntimeDevice[];
  rules: DeviceRule[];
}

const majorOf = (rdev: number): number => ((rdev >> 8) & 0xfff) | (Math.floor(rdev / 2 ** 32) & ~0xfff);
const minorOf = (rdev: number): number => (rdev & 0xff) | ((rdev >> 12) & 0xfff00);

/** Numbers of a device node, for limits that name one. @throws not-found */
export function deviceNumbers(path: string): { major: number; minor: number } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw notFound(`no such device: ${path}`);
  return { major: majorOf(stat.rdev), minor: minorOf(stat.rdev) };
}

/** `--device`, `--device-cgroup-rule`, or every device of the host for a privileged container. */
export function chooseDevices(host: HostConfig): ChosenDevices {
  if (host.Privileged) return { devices: hostDevices('/dev'), rules: [] };
  const found = (host.Devices ?? []).flatMap(mapping => mappedDevices(mapping));
  const rules = found.map(({ device, access }) => ruleOf(device, access));
  return {
    devices: found.map(({ device }) => device),
    rules: [...rules, ...(host.DeviceCgroupRules ?? []).map(parseRule)],
  };
}

const ruleOf = (device: RuntimeDevice, access: string): DeviceRule => ({
  allow: true,
  type: device.type === 'b' ? 'b' : 'c',
  major: device.major,
  minor: device.minor,
  access,
});

function mappedDevices(mapping: DeviceMapping): { device: RuntimeDevice; access: string }[] {
  const source = mapping.PathOnHost ?? '';
  const target = mapping.PathInContainer || source;
  const access = mapping.CgroupPermissions || 'rwm';
  const device = readDevice(source, target);
  if (device) return [{ device, access }];
  if (!statSync(source, { throwIfNoEntry: false })?.isDirectory()) {
    const why = statSync(source, { throwIfNoEntry: false }) ? 'not a device node' : 'no such file or directory';
    throw invalidArgument(`error gathering device information while adding custom device "${source}": ${why}`);
  }
  return hostDevices(source).map(found => ({
    device: { ...found, path: join(target, found.path.slice(source.length)) },
    access,
  }));
}

function readDevice(source: string, target: string): RuntimeDevice | undefined {
  const stat = statSync(source, { throwIfNoEntry: false });
  const type = stat?.isBlockDevice() ? 'b' : stat?.isCharacterDevice() ? 'c' : undefined;
  if (!stat || !type) return undefined;
  return {
    type,
    path: target,
    major: majorOf(stat.rdev),
    minor: minorOf(stat.rdev),
    fileMode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
  };
}

/** As libcontainer's HostDevices walks /dev: without terminals, shared memory and links. */
const skippedFolders = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev']);
const ownDevices = new Set(['console', 'ptmx', 'null', 'zero', 'full', 'random', 'urandom', 'tty']);

function hostDevices(folder: string): RuntimeDevice[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : hostDevices(path);
    const wanted = entry.isCharacterDevice() || entry.isBlockDevice();
    if (!wanted || (folder === '/dev' && ownDevices.has(entry.name))) return [];
    return readDevice(path, path) ?? [];
  });
}

/** `c 1:3 rwm`. @throws invalid-argument in Docker's words */
function parseRule(text: string): DeviceRule {
  const parts = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (!parts) throw invalidArgument(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = parts;
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  };
}
