import type { RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import { parseMountOptions } from './mount-plan.ts';
import { networkKey, type OfferedStream, type SavedProcess } from './saved-process.ts';

/** An open file of a process in the container. */
export interface OpenFile {
  /** Of the mount that it was opened on. */
  mountId: number;
  inode: number;
  kind: 'fifo' | 'null' | 'other';
}

/** What /proc tells of the container. */
export interface ProcessFacts {
  mountinfo: string;
  files: readonly OpenFile[];
  /** Inode of its network namespace; absent where that is the host's. */
  network?: number;
  /** Inodes of the FIFOs that are its standard streams. */
  streams: { [Stream in OfferedStream]?: number };
}

/**
 * What of a container is not CRIU's to dump: what is mounted from outside, the streams that it was started with, its
 * network. Pure.
 */
export function savedProcess(spec: RuntimeSpec, { mountinfo, files, network, streams }: ProcessFacts): SavedProcess {
  const mounts = mountinfo.split('\n').filter(Boolean).map(parseMount);
  const inside = new Set(mounts.map(({ id }) => id));
  const named = Object.entries(streams) as [OfferedStream, number][];
  const offered = new Map<string, OfferedStream>();
  for (const { mountId, inode, kind } of files) {
    if (kind === 'other' || inside.has(mountId)) continue;
    const stream = kind === 'null' ? kind : named.find(([, number]) => number === inode)?.[0];
    if (stream) offered.set(`file[${mountId.toString(16)}:${inode.toString(16)}]`, stream);
  }
  return {
    version: 1,
    mounts: [...new Set(mounts.filter(isFromOutside(spec)).map(({ point }) => point))],
    files: [...offered].map(([key, stream]) => ({ key, stream })),
    hasNetwork: network !== undefined,
  };
}

interface Mount {
  id: number;
  point: string;
  type: string;
}

/** A line of proc_pid_mountinfo(5). */
function parseMount(line: string): Mount {
  const [before = '', after = ''] = line.split(' - ');
  const [id, , , , point = ''] = before.split(' ');
  return { id: Number(id), point: unescaped(point), type: after.split(' ')[0] ?? '' };
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

function isFromOutside({ mounts, linux }: RuntimeSpec): (mount: Mount) => boolean {
  const binds = mounts.filter(({ type, options }) => type === 'bind' || parseMountOptions(options).bind);
  const cgroups = mounts.filter(({ type }) => type === 'cgroup' || type === 'cgroup2');
  const given = [...binds, ...cgroups].map(({ destination }) => destination);
  const others = mounts.filter(mount => !binds.includes(mount) && !cgroups.includes(mount));
  const made = new Set(others.map(({ destination }) => destination));
  const masked = new Set(linux.maskedPaths);
  return ({ point, type }) => {
    if (point === '/' || made.has(point)) return false;
    if (masked.has(point) || type.startsWith('cgroup')) return true;
    return given.some(destination => point === destination || point.startsWith(`${destination}/`));
  };
}

export interface DumpOptions {
  pid: number;
  directory: string;
  leaveRunning: boolean;
  /** Of the cgroup that holds all its processes, where they can be frozen. */
  freezer: string | undefined;
  network: number | undefined;
  networkLock: 'iptables' | 'nftables';
}

/** The arguments of `criu dump`. What dockerd lets runc pass on; a container whose connections are open is refused. Pure. */
export function dumpArguments(saved: SavedProcess, options: DumpOptions): string[] {
  const externals = [
    ...saved.mounts.map(point => `mnt[${point}]:${point}`),
    ...saved.files.map(({ key }) => key),
    ...(options.network === undefined ? [] : [`net[${options.network}]:${networkKey}`]),
  ];
  return [
    ...['dump', '--tree', String(options.pid), '--images-dir', options.directory],
    ...['-v4', '--log-file', 'dump.log', '--manage-cgroups=ignore'],
    ...(options.freezer === undefined ? [] : ['--freeze-cgroup', options.freezer]),
    ...['--network-lock', options.networkLock],
    ...(options.leaveRunning ? ['--leave-running'] : []),
    ...externals.flatMap(external => ['--external', external]),
  ];
}
