import { own } from '../../base/own.ts';
import type { RuntimeMount, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import type { BindStep, LaunchStep, MountStep } from '../keeper/protocol.ts';
import {
  MOUNT_ATTR_ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from '../syscalls/mount-flags.ts';

/** How this host has its cgroups: the unified hierarchy, or one mount for each set of controllers. */
export type CgroupLayout = UnifiedCgroups | { version: 1; hierarchies: CgroupHierarchy[] };

export interface UnifiedCgroups {
  version: 2;
  /** Mounted with `favordynmods`: a process may change its cgroup without waiting for all others. */
  cheapMoves?: boolean;
}

export interface CgroupHierarchy {
  /** Its folder below `/sys/fs/cgroup`: `cpu,cpuacct`, `systemd`. */
  folder: string;
  /** What selects it when it is mounted: `cpu`, `cpuacct`; `none`, `name=systemd`. */
  options: string[];
}

/** mount(8)'s words as bits: to set, to clear, propagation; what is left over goes to the file system. */
export interface MountOptions {
  set: number;
  clear: number;
  propagation: number;
  bind: boolean;
  recursive: boolean;
  /** The same for the mounts below as well: `rro`, `rnosuid`. */
  setAll: number;
  clearAll: number;
  data: string[];
}

const setters: Record<string, number> = {
  ro: MOUNT_ATTR_RDONLY,
  nosuid: MOUNT_ATTR_NOSUID,
  nodev: MOUNT_ATTR_NODEV,
  noexec: MOUNT_ATTR_NOEXEC,
  noatime: MOUNT_ATTR_NOATIME,
  strictatime: MOUNT_ATTR_STRICTATIME,
  nodiratime: MOUNT_ATTR_NODIRATIME,
  nosymfollow: MOUNT_ATTR_NOSYMFOLLOW,
  relatime: 0,
};
const clearers: Record<string, number> = {
  rw: MOUNT_ATTR_RDONLY,
  suid: MOUNT_ATTR_NOSUID,
  dev: MOUNT_ATTR_NODEV,
  exec: MOUNT_ATTR_NOEXEC,
  atime: MOUNT_ATTR_NOATIME,
  diratime: MOUNT_ATTR_NODIRATIME,
  symfollow: MOUNT_ATTR_NOSYMFOLLOW,
};
const propagations: Record<string, number> = {
  private: MS_PRIVATE,
  slave: MS_SLAVE,
  shared: MS_SHARED,
  unbindable: MS_UNBINDABLE,
};
const accessTimes = new Set(['noatime', 'strictatime', 'relatime']);
const ignored = new Set(
  'defaults tmpcopyup async nomand mand remount norelatime nostrictatime acl noacl iversion noiversion silent loud'.split(
    ' ',
  ),
);

const attributeNames = [...Object.keys(setters), ...Object.keys(clearers)];

/** Every word that does not go to the file system. */
export const mountOptionNames: readonly string[] = [
  ...['bind', 'rbind'],
  ...ignored,
  ...[...attributeNames, ...Object.keys(propagations)].flatMap(name => [name, `r${name}`]),
];

/** A propagation's bits by its name: `rslave`; undefined for other words. */
export function propagationFlags(word: string): number | undefined {
  const plain = own(propagations, word);
  if (plain !== undefined) return plain;
  const recursive = word.startsWith('r') ? own(propagations, word.slice(1)) : undefined;
  return recursive === undefined ? undefined : recursive | MS_REC;
}

/** Reads the `options` of a mount. The last word wins. */
export function parseMountOptions(options: readonly string[] = []): MountOptions {
  const parsed: MountOptions = {
    set: 0,
    clear: 0,
    propagation: 0,
    bind: false,
    recursive: false,
    setAll: 0,
    clearAll: 0,
    data: [],
  };
  for (const word of options) readOption(word, parsed);
  return parsed;
}

function readOption(word: string, into: MountOptions): void {
  const propagation = propagationFlags(word);
  if (word === 'bind' || word === 'rbind') {
    into.bind = true;
    into.recursive = word === 'rbind';
  } else if (propagation !== undefined) into.propagation = propagation;
  else if (isAttribute(word)) [into.set, into.clear] = withAttribute(word, into.set, into.clear);
  else if (word.startsWith('r') && isAttribute(word.slice(1)))
    [into.setAll, into.clearAll] = withAttribute(word.slice(1), into.setAll, into.clearAll);
  else if (!ignored.has(word)) into.data.push(word);
}

const isAttribute = (word: string): boolean => Object.hasOwn(setters, word) || Object.hasOwn(clearers, word);

/** Bits to set and to clear, after one word more. */
function withAttribute(word: string, set: number, clear: number): [number, number] {
  const sets = own(setters, word);
  if (sets === undefined) return [set & ~(clearers[word] ?? 0), clear | (clearers[word] ?? 0)];
  // The access times are one field, which is cleared before it is set.
  if (accessTimes.has(word)) return [(set & ~MOUNT_ATTR_ATIME) | sets, clear | MOUNT_ATTR_ATIME];
  return [set | sets, clear & ~sets];
}

/** Facts about the host that the plan needs. */
export interface MountContext {
  cgroups: CgroupLayout;
  /** Absolute path of the container's cgroup, for containers that see the host's hierarchy. */
  cgroupsPath: string;
  privateCgroups: boolean;
  /** Taken just before the first mount that must see the cgroup from inside. */
  enterCgroup: LaunchStep[];
}

/** The mounts of a spec in their order. What is read-only but needs mount points inside becomes so last. */
export function mountSteps(spec: RuntimeSpec, context: MountContext): LaunchStep[] {
  const steps: LaunchStep[] = [];
  const last: LaunchStep[] = [];
  let entered = false;
  for (const mount of spec.mounts) {
    if ((mount.type === 'cgroup' || mount.type === 'cgroup2') && !entered) {
      steps.push(...context.enterCgroup);
      entered = true;
    }
    const { now, later } = stepsOf(mount, context);
    steps.push(...now);
    last.push(...later);
  }
  if (!entered) steps.push(...context.enterCgroup);
  return [...steps, ...last];
}

function stepsOf(mount: RuntimeMount, context: MountContext): { now: LaunchStep[]; later: LaunchStep[] } {
  const options = parseMountOptions(mount.options);
  const target = mount.destination;
  if (mount.type === 'bind' || options.bind) return { now: bindSteps(mount), later: [] };
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') return cgroupSteps(target, options, context);
  const type = mount.type ?? 'none';
  const late = type === 'tmpfs' && (options.set & MOUNT_ATTR_RDONLY) !== 0;
  const attributes = late ? options.set & ~MOUNT_ATTR_RDONLY : options.set;
  const now: LaunchStep = {
    op: 'mount',
    type,
    source: mount.source ?? type,
    target,
    options: options.data,
    attributes: attributes | options.setAll,
    ...(options.propagation === 0 ? {} : { propagation: options.propagation }),
  };
  return { now: [now], later: late ? [{ op: 'remount', target, set: MOUNT_ATTR_RDONLY }] : [] };
}

/** A bind mount of a spec; private to the container unless it asks for more. Most are one step. */
export function bindSteps(mount: RuntimeMount): LaunchStep[] {
  const options = parseMountOptions(mount.options);
  const { set, clear, setAll, clearAll } = options;
  const isPlain = set === 0 && clear === 0;
  const hasBoth = !isPlain && (setAll !== 0 || clearAll !== 0);
  const recursive = isPlain && setAll + clearAll !== 0;
  const bind: BindStep = {
    op: 'bind',
    source: mount.source ?? '',
    target: mount.destination,
    ...(mount.layers === undefined ? {} : { layers: mount.layers }),
    ...(mount.subpath === undefined ? {} : { inside: mount.subpath }),
    ...(mount.mountNamespace === undefined ? {} : { namespace: mount.mountNamespace }),
    recursive: options.recursive,
    set: recursive ? setAll : set,
    clear: recursive ? clearAll : clear,
    setRecursive: recursive,
    propagation: options.propagation === 0 ? MS_PRIVATE | MS_REC : options.propagation,
  };
  if (!hasBoth) return [bind];
  return [bind, { op: 'remount', target: mount.destination, set: setAll, clear: clearAll, recursive: true }];
}

/** What stays in its peer group: the copies are to be made while the mounts of the host still are what they were. */
export function holdSteps(spec: RuntimeSpec): LaunchStep[] {
  const mounts = spec.mounts.flatMap(({ type, source = '', destination: target, options: words }) => {
    const { bind, propagation, recursive } = parseMountOptions(words);
    const isShared = (type === 'bind' || bind) && (propagation & MS_SHARED) !== 0;
    return isShared ? [{ source, target, recursive }] : [];
  });
  return mounts.length > 0 ? [{ op: 'hold', mounts }] : [];
}

function cgroupSteps(
  target: string,
  { set }: MountOptions,
  context: MountContext,
): { now: LaunchStep[]; later: LaunchStep[] } {
  const { cgroups } = context;
  if (cgroups.version === 2)
    return {
      now: [{ op: 'mount', type: 'cgroup2', source: 'cgroup', target, options: [], attributes: set }],
      later: [],
    };
  const { hierarchies } = cgroups;
  const attributes = set & ~MOUNT_ATTR_RDONLY;
  const folder: MountStep = { op: 'mount', type: 'tmpfs', source: 'tmpfs', target, options: ['mode=755'], attributes };
  const now: LaunchStep[] = [
    ...(context.privateCgroups
      ? [folder, ...hierarchies.map(hierarchy => hierarchyMount(target, set, hierarchy))]
      : [{ ...folder, binds: hierarchies.map(hierarchy => hierarchyBind(target, set, hierarchy, context)) }]),
    ...hierarchies.flatMap(({ folder }) => controllerLinks(target, folder)),
  ];
  const readonly = (set & MOUNT_ATTR_RDONLY) !== 0;
  return { now, later: readonly ? [{ op: 'remount', target, set: MOUNT_ATTR_RDONLY }] : [] };
}

const hierarchyMount = (root: string, attributes: number, { folder, options }: CgroupHierarchy): LaunchStep => ({
  op: 'mount',
  type: 'cgroup',
  source: 'cgroup',
  target: `${root}/${folder}`,
  options,
  attributes,
});

const hierarchyBind = (
  root: string,
  set: number,
  { folder }: CgroupHierarchy,
  { cgroupsPath }: MountContext,
): BindStep => ({
  op: 'bind',
  source: `/sys/fs/cgroup/${folder}${cgroupsPath}`,
  target: `${root}/${folder}`,
  recursive: false,
  set,
  clear: 0,
  setRecursive: false,
  propagation: MS_PRIVATE | MS_REC,
});

/** `cpu` and `cpuacct` beside `cpu,cpuacct`. */
function controllerLinks(root: string, folder: string): LaunchStep[] {
  if (!folder.includes(',')) return [];
  return folder.split(',').map(name => ({ op: 'symlink', path: `${root}/${name}`, target: folder }));
}
