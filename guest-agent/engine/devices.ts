import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import type { DeviceMapping } from '../../contracts/docker/host-config.ts';
import { internal } from '../../contracts/errors.ts';
import type { DeviceRule, RuntimeDevice } from '../../contracts/oci/runtime-spec.ts';

/** Devices for one container: the nodes to make and the rules that allow their use. */
export interface ChosenDevices {
  devices: RuntimeDevice[];
  rules: DeviceRule[];
}

const majorOf = (rdev: number): number => ((rdev >> 8) & 0xfff) | (Math.floor(rdev / 2 ** 32) & ~0xfff);
const minorOf = (rdev: number): number => (rdev & 0xff) | ((rdev >> 12) & 0xfff00);

/** Numbers of a device node, for limits that name one. @throws internal in Docker's words */
export function deviceNumbers(path: string): { major: number; minor: number } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw internal(`stat ${path}: no such file or directory`);
  return { major: majorOf(stat.rdev), minor: minorOf(stat.rdev) };
}

/** `--device`, `--device-cgroup-rule`, or every device of the host for a privileged container. @throws in Docker's words */
export function chooseDevices(host: HostConfig): ChosenDevices {
  const mappings = host.Devices ?? [];
  if (host.Privileged) {
    const renamed = mappings.filter(
      ({ PathOnHost, PathInContainer }) => PathInContainer && PathInContainer !== PathOnHost,
    );
    const devices = [...hostDevices('/dev'), ...renamed.flatMap(mappedDevices).map(({ device }) => device)];
    return { devices, rules: [] };
  }
  const found = mappings.flatMap(mappedDevices);
  const rules = found.map(({ device, access }) => ruleOf(device, access));
  return {
    devices: found.map(({ device }) => device),
    rules: [...rules, ...(host.DeviceCgroupRules ?? []).map(parseRule)],
  };
}

/** Leave for a device, as the cgroup is told. */
export const ruleOf = (device: RuntimeDevice, access: string): DeviceRule => ({
  allow: true,
  type: device.type === 'b' ? 'b' : 'c',
  major: device.major,
  minor: device.minor,
  access,
});

function mappedDevices(mapping: DeviceMapping): { device: RuntimeDevice; access: string }[] {
  const asked = mapping.PathOnHost ?? '';
  const source = existsSync(asked) ? realpathSync(asked) : asked;
  const target = mapping.PathInContainer || asked;
  const access = mapping.CgroupPermissions || 'rwm';
  const device = readDevice(source, target);
  if (device) return [{ device, access }];
  const inside = statSync(source, { throwIfNoEntry: false })?.isDirectory() ? devicesBelow(source) : [];
  if (inside.length > 0)
    return inside.map(found => ({ device: { ...found, path: join(target, found.path.slice(source.length)) }, access }));
  const why = existsSync(source) ? 'not a device node' : 'no such file or directory';
  throw internal(`error gathering device information while adding custom device "${asked}": ${why}`);
}

/** The numbers, permissions and owner of a device node; undefined for anything else. */
export function readDevice(source: string, target: string): RuntimeDevice | undefined {
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
const ownDevices = new Set(
  ['console', 'ptmx', 'null', 'zero', 'full', 'random', 'urandom', 'tty'].map(name => `/dev/${name}`),
);

const hostDevices = (folder: string): RuntimeDevice[] =>
  devicesBelow(folder, skippedFolders).filter(({ path }) => !ownDevices.has(path));

function devicesBelow(folder: string, skipped: ReadonlySet<string> = new Set()): RuntimeDevice[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : devicesBelow(path, skipped);
    return entry.isCharacterDevice() || entry.isBlockDevice() ? (readDevice(path, path) ?? []) : [];
  });
}

const highestNumber = Number.MAX_SAFE_INTEGER;

/** `c 1:3 rwm`. @throws in Docker's words */
function parseRule(text: string): DeviceRule {
  const parts = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (!parts) throw internal(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = parts;
  for (const [name, value] of Object.entries({ major, minor })) {
    if (Number(value) > highestNumber) throw internal(`invalid ${name} value in device cgroup rule format: '${text}'`);
  }
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  };
}
