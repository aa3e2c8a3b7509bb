import { posix } from 'node:path';
import type { HostConfig, MountRequest } from '../../contracts/docker/host-config.ts';
import { EngineError, internal, invalidArgument, messageOf } from '../../contracts/errors.ts';
import type { ChainId, Digest } from '../../contracts/oci/digest.ts';
import { isBindMode, isPropagation, mergeTmpfsOptions, type Propagation, parseBindMode } from './mount-modes.ts';

/** A mount that a container asks for, checked; the engine makes the volumes and the missing sources. */
export interface PlannedMount {
  type: 'bind' | 'volume' | 'tmpfs' | 'image';
  /** Of a volume; '' for an anonymous one. */
  name: string;
  /** Of a bind; of an image what its user calls it. */
  source: string;
  /** Absolute and clean. */
  destination: string;
  /** As inspect shows it: what stood behind the second colon. */
  mode: string;
  rw: boolean;
  /** '' for all but binds. */
  propagation: Propagation | '';
  /** Whether an empty volume takes over what the image has there. */
  copy: boolean;
  /** `-v` makes a missing source of a bind, `--mount` does not. */
  createSource: boolean;
  recursive: boolean;
  /** Read-only, but not what is mounted below it. Otherwise that is read-only as well, as far as the kernel can. */
  readonlyNonRecursive?: true;
  labels: Record<string, string>;
  driver: string;
  driverOptions: Record<string, string>;
  subpath: string;
  /** Of `--volumes-from`. */
  inherited?: true;
  /** For tmpfs, ready for the runtime. */
  tmpfsOptions: string[];
  /** Of an image: what was found under its name, and the snapshot that keeps its layers for this container. */
  image?: { id: Digest; topChainId: ChainId | undefined; snapshot: string; directory: string };
}

/** What a container wants mounted. Structural, so that any Docker document fits. */
export interface MountWishes {
  hostConfig: Pick<Partial<HostConfig>, 'Binds' | 'Mounts' | 'Tmpfs' | 'VolumeDriver'>;
  /** `Volumes` of the image's and the request's config. */
  volumes: Iterable<string>;
  /** Of `--volumes-from`, resolved already. */
  inherited?: PlannedMount[];
}

export interface BindPolicy {
  /** True inside our machine, where only some of the guest's own folders may be bound. */
  machine: boolean;
  /** Whether a path is there, for the check of `--mount type=bind`. */
  exists(path: string): boolean;
}

/** Folders of the guest that a container in the machine may bind. */
const guestFolders = ['/run', '/var/run', '/sys', '/proc', '/dev', '/lib/modules', '/var/lib/berth'];

/**
 * The mounts of a new container, in order of destination. A place is taken once: `-v` must not meet `--mount` or `--tmpfs`,
 * they win over `--volumes-from`, whose last one wins, and a volume of the image only fills a place that is free. Where
 * `--mount` and `--tmpfs` meet the container sees memory, as with Docker.
 * @throws invalid-argument in Docker's words
 */
export function planMounts(wishes: MountWishes, policy: BindPolicy): PlannedMount[] {
  const { hostConfig } = wishes;
  const driver = hostConfig.VolumeDriver ?? '';
  const binds = (hostConfig.Binds ?? []).map(spec => parseBind(spec, driver, policy));
  const mounts = (hostConfig.Mounts ?? []).map(mount => parseMount(mount, policy));
  const memory = Object.entries(hostConfig.Tmpfs ?? {}).map(([target, options]) => parseTmpfs(target, options));
  const taken = byPlace([...binds, ...mounts]);
  const covering = [...byPlace(memory).values()].filter(({ destination }) => taken.has(destination));
  byPlace([...binds, ...covering]);
  const fill = (mount: PlannedMount): unknown => taken.has(mount.destination) || taken.set(mount.destination, mount);
  memory.forEach(fill);
  wishes.inherited?.toReversed().forEach(fill);
  for (const destination of wishes.volumes) fill(planned('volume', posix.normalize(`/${destination}`), { driver }));
  const all = [...taken.values(), ...covering.filter(({ destination }) => taken.get(destination)?.type !== 'tmpfs')];
  const order = ({ destination: left }: PlannedMount, { destination: right }: PlannedMount): number =>
    left < right ? -1 : Number(left > right);
  return all.sort(order);
}

/** @throws invalid-argument where two want the same place */
function byPlace(mounts: readonly PlannedMount[]): Map<string, PlannedMount> {
  const taken = new Map<string, PlannedMount>();
  for (const mount of mounts) {
    if (taken.has(mount.destination)) throw invalidArgument(`Duplicate mount point: ${mount.destination}`);
    taken.set(mount.destination, mount);
  }
  return taken;
}

function planned(type: PlannedMount['type'], target: string, fields: Partial<PlannedMount>): PlannedMount {
  return {
    type,
    name: '',
    source: '',
    destination: posix.normalize(target).replace(/(.)\/$/, '$1'),
    mode: '',
    rw: true,
    propagation: '',
    copy: type === 'volume',
    createSource: false,
    recursive: true,
    labels: {},
    driver: '',
    driverOptions: {},
    subpath: '',
    tmpfsOptions: [],
    ...fields,
  };
}

/** `-v`: `/inside`, `source:/inside` or `source:/inside:mode`. @throws invalid-argument */
export function parseBind(spec: string, driver: string, policy: BindPolicy): PlannedMount {
  const parts = spec.split(':');
  const [first = '', second = '', mode = ''] = parts;
  const malformed = first === '' || parts.length > 3 || (parts.length === 2 && isBindMode(second));
  if (malformed) throw invalidArgument(`invalid volume specification: '${spec}'`);
  const { rw, propagation, copy } = parseBindMode(mode);
  if (parts.length === 3 && mode === '') throw invalidArgument(`invalid mode: ${mode}`);
  const [source, target] = parts.length === 1 ? ['', first] : [first, second];
  try {
    if (!source.startsWith('/')) {
      if (propagation) throw mountError('volume', 'field BindOptions must not be specified');
      checkTarget('volume', target);
      return planned('volume', target, { name: source, mode, rw, copy: copy ?? true, driver });
    }
    if (copy !== undefined) throw mountError('bind', 'field VolumeOptions must not be specified');
    checkTarget('bind', target);
    checkSource(source, policy);
    const bind = { source: cleanSource(source), createSource: true, propagation: propagation ?? 'rprivate' } as const;
    return planned('bind', target, { ...bind, mode, rw });
  } catch (error) {
    if (error instanceof NotShared) throw error;
    throw invalidArgument(`invalid volume specification: '${spec}': ${messageOf(error)}`);
  }
}

/** `--mount`. @throws invalid-argument */
export function parseMount(mount: MountRequest, policy: BindPolicy): PlannedMount {
  const type = mount.Type ?? '';
  const target = mount.Target ?? '';
  switch (type) {
    case 'bind':
      checkTarget(type, target);
      return mountBind(mount, target, policy);
    case 'volume':
      checkTarget(type, target);
      return mountVolume(mount, target);
    case 'tmpfs':
      checkTarget(type, target);
      return mountTmpfs(mount, target);
    case 'image':
      checkTarget(type, target);
      return mountImage(mount, target);
    default:
      throw mountError(type, 'mount type unknown');
  }
}

function mountBind(mount: MountRequest, target: string, policy: BindPolicy): PlannedMount {
  const { Source: source = '', BindOptions: options, ReadOnly } = mount;
  if (source === '') throw mountError('bind', 'field Source must not be empty');
  checkOptions(mount, 'BindOptions');
  const propagation = options?.Propagation || 'rprivate';
  if (!isPropagation(propagation)) throw mountError('bind', `invalid propagation mode: ${propagation}`);
  checkReadonly(mount);
  checkSource(source, policy);
  const createSource = options?.CreateMountpoint === true;
  if (!createSource && !policy.exists(source)) throw mountError('bind', `bind source path does not exist: ${source}`);
  const recursive = options?.NonRecursive !== true;
  return planned('bind', target, {
    ...{ source: cleanSource(source), propagation, createSource, recursive, rw: !ReadOnly },
    ...(options?.ReadOnlyNonRecursive ? { readonlyNonRecursive: true } : {}),
  });
}

/** @throws internal in Docker's words */
function checkReadonly({ ReadOnly, BindOptions: options = {} }: MountRequest): void {
  const { ReadOnlyNonRecursive: not, ReadOnlyForceRecursive: forced } = options;
  const conflict = (what: string): EngineError => internal(`mount options conflict: ${what}`);
  if (!ReadOnly && not) throw conflict('!ReadOnly && BindOptions.ReadOnlyNonRecursive');
  if (!ReadOnly && forced) throw conflict('!ReadOnly && BindOptions.ReadOnlyForceRecursive');
  if (not && forced) throw conflict('ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive');
}

/** Options of another type of mount are a mistake. @throws invalid-argument in Docker's words */
function checkOptions(
  mount: MountRequest,
  own: 'BindOptions' | 'VolumeOptions' | 'TmpfsOptions' | 'ImageOptions',
): void {
  const type = mount.Type ?? '';
  for (const key of ['BindOptions', 'VolumeOptions', 'TmpfsOptions'] as const) {
    if (key !== own && mount[key]) throw invalidArgument(`${key} must not be specified on mount type "${type}"`);
  }
  if (mount.ImageOptions && own !== 'ImageOptions') throw mountError(type, 'field ImageOptions must not be specified');
}

function mountVolume(mount: MountRequest, target: string): PlannedMount {
  const { Source: name = '', VolumeOptions: options, ReadOnly } = mount;
  checkOptions(mount, 'VolumeOptions');
  const subpath = options?.Subpath ?? '';
  if (name === '' && subpath !== '') throw mountError('volume', 'must not set Subpath when using anonymous volumes');
  checkRelative('volume', subpath);
  if (name === '' && ReadOnly) throw mountError('volume', 'must not set ReadOnly mode when using anonymous volumes');
  return planned('volume', target, {
    name,
    rw: !ReadOnly,
    copy: options?.NoCopy !== true && subpath === '',
    labels: { ...options?.Labels },
    driver: options?.DriverConfig?.Name ?? '',
    driverOptions: { ...options?.DriverConfig?.Options },
    subpath,
  });
}

function checkRelative(type: string, subpath: string): void {
  if (posix.isAbsolute(subpath) || /^\.\.(\/|$)/.test(posix.normalize(subpath)))
    throw mountError(type, 'subpath must be a relative path within the volume');
}

function mountImage(mount: MountRequest, target: string): PlannedMount {
  const { Source: source = '', ImageOptions: options } = mount;
  checkOptions(mount, 'ImageOptions');
  if (source === '') throw mountError('image', 'field Source must not be empty');
  const subpath = options?.Subpath ?? '';
  checkRelative('image', subpath);
  return planned('image', target, { source, subpath, rw: false, propagation: 'rprivate' });
}

function mountTmpfs(mount: MountRequest, target: string): PlannedMount {
  const { Source, TmpfsOptions: options, ReadOnly } = mount;
  checkOptions(mount, 'TmpfsOptions');
  if (Source) throw mountError('tmpfs', 'field Source must not be specified');
  const wanted = [
    ...(ReadOnly ? ['ro'] : []),
    ...(options?.SizeBytes ? [`size=${options.SizeBytes}`] : []),
    ...(options?.Mode ? [`mode=${options.Mode.toString(8)}`] : []),
    ...(options?.Options ?? []).map(tmpfsOption),
  ];
  return planned('tmpfs', target, { rw: !ReadOnly, tmpfsOptions: mergeTmpfsOptions(wanted) });
}

/** The only one that Docker takes here. */
function tmpfsOption(parts: readonly string[]): string {
  const [name = ''] = parts;
  if (parts.length < 1 || parts.length > 2) throw mountError('tmpfs', 'invalid option array length');
  if (parts.length === 2 || (name !== 'exec' && name !== 'noexec'))
    throw mountError('tmpfs', `invalid option: ${name}`);
  return name;
}

/** `--tmpfs /inside:options`. */
function parseTmpfs(target: string, options: string): PlannedMount {
  const wrong = targetFault(target);
  if (wrong) throw invalidArgument(wrong);
  const wanted = options.split(',').filter(option => option !== '');
  const tmpfsOptions = mergeTmpfsOptions(wanted);
  return planned('tmpfs', target, { mode: options, rw: !tmpfsOptions.includes('ro'), tmpfsOptions });
}

const mountError = (type: string, why: string): EngineError =>
  invalidArgument(`invalid mount config for type "${type}": ${why}`);

function checkTarget(type: string, target: string): void {
  if (target === '') throw mountError(type, 'field Target must not be empty');
  const wrong = targetFault(target);
  if (wrong) throw mountError(type, wrong);
}

function targetFault(target: string): string | undefined {
  if (posix.normalize(target).replace(/^\/+$/, '/') === '/') return "invalid specification: destination can't be '/'";
  return target.startsWith('/') ? undefined : `invalid mount path: '${target}' mount path must be absolute`;
}

/** A folder of the host, which the machine does not see. */
class NotShared extends EngineError {
  constructor(source: string) {
    super(
      'invalid-argument',
      `invalid mount config for type "bind": ${source} is on the host, and sharing host folders with the machine is not there yet. ` +
        'Use a volume, or copy files with docker cp',
    );
  }
}

function checkSource(source: string, { machine }: BindPolicy): void {
  if (!source.startsWith('/')) {
    throw mountError('bind', `invalid mount path: '${source}' mount path must be absolute`);
  }
  const clean = cleanSource(source);
  const isGuests = guestFolders.some(folder => clean === folder || clean.startsWith(`${folder}/`));
  if (machine && !isGuests) throw new NotShared(source);
}

const cleanSource = (source: string): string => posix.normalize(source).replace(/(.)\/$/, '$1');

/** `--volumes-from`: a container, and perhaps `:ro` or `:rw`. @throws invalid-argument */
export function parseVolumesFrom(spec: string): { container: string; rw: boolean | undefined } {
  const [container = '', mode, ...more] = spec.split(':');
  if (container === '' || more.length > 0) throw invalidArgument(`malformed volumes-from specification: ${spec}`);
  if (mode === undefined) return { container, rw: undefined };
  if (!isBindMode(mode)) throw invalidArgument(`invalid mode: ${mode}`);
  return { container, rw: parseBindMode(mode).rw };
}
