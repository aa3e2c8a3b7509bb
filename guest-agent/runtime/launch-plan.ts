import type { RuntimeDevice, RuntimeProcess, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import { type ExecveStep, type LaunchStep, propagationStep, type RootStep } from '../keeper/protocol.ts';
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  namespaceFlags,
} from '../syscalls/namespace-flags.ts';
import type { CgroupJoin, ExecRequest, LaunchRequest, Lifecycle, RootfsMount, StdioSpec } from './contract.ts';
import { bindSteps, type CgroupLayout, holdSteps, mountSteps, propagationFlags } from './mount-plan.ts';
import { limitNames } from './spec-checks.ts';
import { hasUserNamespace, joiningUserNamespace, withUserNamespace } from './user-namespace-plan.ts';

/** Facts about the host that a plan depends on. */
export interface PlanContext {
  cgroups: CgroupLayout;
  /** An existing directory of the host, on which each container mounts its root in its own namespace. */
  mountPoint: string;
  /** The kernel offers `/proc/kcore`, so that `/dev/core` leads somewhere. */
  hasKcore: boolean;
}

/** How a process is born, and what it does until it is the container's. */
export interface LaunchPlan {
  cloneFlags: number;
  /** To be born in. */
  pidNamespace?: string;
  cgroup?: string;
  /** See the keeper's protocol. */
  successor?: string;
  steps: LaunchStep[];
}

const initTarget = '/sbin/docker-init';

const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

const defaultDevices: RuntimeDevice[] = [
  { type: 'c', path: '/dev/null', major: 1, minor: 3 },
  { type: 'c', path: '/dev/zero', major: 1, minor: 5 },
  { type: 'c', path: '/dev/full', major: 1, minor: 7 },
  { type: 'c', path: '/dev/random', major: 1, minor: 8 },
  { type: 'c', path: '/dev/urandom', major: 1, minor: 9 },
  { type: 'c', path: '/dev/tty', major: 5, minor: 0 },
];

const deviceLinks: readonly (readonly [string, string])[] = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/ptmx', 'pts/ptmx'],
];

const coreLink = ['/dev/core', '/proc/kcore'] as const;

/** The plan of a container's first process: runtime-spec's lifecycle from "create" to "start" in one go. Pure. */
export function launchPlan(request: LaunchRequest, context: PlanContext): LaunchPlan {
  const { spec, stdio } = request;
  const namespaces = namespacesOf(spec);
  const { process } = spec;
  const steps: LaunchStep[] = [
    ...stdioSteps(stdio, process.user.uid),
    { op: 'oomScore', value: process.oomScoreAdj ?? 0 },
    ...namespaces.joined,
    { op: 'newSession', keyring: keyringOf(request.id), first: true },
    ...(namespaces.flags & CLONE_NEWNET ? [{ op: 'loopbackUp' } as const] : []),
    ...(namespaces.flags & CLONE_NEWUTS ? nameSteps(spec) : []),
    ...(request.lifecycle?.gate ? [{ op: 'openGate', path: request.lifecycle.gate } as const] : []),
    ...namespaces.mount,
    ...rootSteps(request, context),
    ...hookSteps(request),
    { op: 'pivot', propagation: propagationFlags(spec.linux.rootfsPropagation ?? '') ?? 0 },
    ...processSteps(request.init ? { ...process, args: [initTarget, '--', ...process.args] } : process, request),
  ];
  if (request.lifecycle) steps.splice(-1, 0, ...startSteps(request, request.lifecycle));
  const plan = {
    cloneFlags: namespaces.flags,
    ...(namespaces.pid === undefined ? {} : { pidNamespace: namespaces.pid }),
    ...(movesLater(request.cgroup, context) ? {} : birthplace(request.cgroup)),
    steps,
  };
  return hasUserNamespace(spec) ? withUserNamespace(plan, spec) : plan;
}

/** Those of the runtime's namespaces are run by whoever asked for the launch; then those of the container's. */
function hookSteps({ spec: { hooks = {} }, lifecycle }: LaunchRequest): LaunchStep[] {
  const { prestart = [], createRuntime = [], createContainer = [] } = hooks;
  const state = lifecycle?.state ?? {};
  return [
    ...(prestart.length + createRuntime.length > 0 ? [{ op: 'pause', reason: 'createRuntime' } as const] : []),
    ...(createContainer.length > 0
      ? [{ op: 'hooks', name: 'createContainer', hooks: createContainer, state } as const]
      : []),
  ];
}

/** Between the container's being there and its program. */
function startSteps({ spec }: LaunchRequest, { gate, state }: Lifecycle): LaunchStep[] {
  const { startContainer = [] } = spec.hooks ?? {};
  const { args, env } = spec.process;
  return [
    ...(gate ? [{ op: 'awaitStart', program: args[0] ?? '', env } as const] : []),
    ...(startContainer.length > 0
      ? [{ op: 'hooks', name: 'startContainer', hooks: startContainer, state } as const]
      : []),
  ];
}

/** The plan of another process in a container that runs. Pure. */
export function execPlan(request: ExecRequest): LaunchPlan {
  const flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID;
  const { process, stdio, userNamespaceRoot } = request;
  const plan: LaunchPlan = {
    cloneFlags: 0,
    ...birthplace(request.cgroup),
    steps: [
      ...stdioSteps(stdio, process.user.uid),
      { op: 'oomScore', value: process.oomScoreAdj ?? 0 },
      ...joinSteps(request.cgroup, false),
      { op: 'enterContainer', flags },
      { op: 'rebirth' },
      { op: 'newSession', keyring: keyringOf(request.container), first: false },
      ...terminalSteps(stdio, process, null),
      ...processSteps(process, request),
    ],
  };
  return userNamespaceRoot === undefined ? plan : joiningUserNamespace(plan, userNamespaceRoot);
}

/** As runc names it. */
export const keyringOf = (container: string): string => `_ses.${container}`;

export const birthplace = (cgroup: CgroupJoin): { cgroup?: string } =>
  cgroup.version === 2 ? { cgroup: cgroup.directory } : {};

/** Then a child that was forked beforehand will do, and what it has touched until then is not the container's. */
const movesLater = (cgroup: CgroupJoin, { cgroups }: PlanContext): boolean =>
  cgroup.version === 2 && cgroups.version === 2 && cgroups.cheapMoves === true;

function joinSteps(cgroup: CgroupJoin, late: boolean): LaunchStep[] {
  if (cgroup.version === 2) return late ? [{ op: 'joinCgroup', tasks: [`${cgroup.directory}/cgroup.procs`] }] : [];
  return cgroup.tasks.length > 0 ? [{ op: 'joinCgroup', tasks: cgroup.tasks }] : [];
}

interface Namespaces {
  flags: number;
  joined: LaunchStep[];
  /** Last: the paths of the others are the host's. */
  mount: LaunchStep[];
  pid: string | undefined;
}

/** The user namespace has a step of its own: what only root of the machine may do comes before it. */
function namespacesOf(spec: RuntimeSpec): Namespaces {
  const joinsMounts = spec.linux.namespaces.some(({ type, path }) => type === 'mount' && path);
  const found: Namespaces = { flags: joinsMounts ? 0 : CLONE_NEWNS, joined: [], mount: [], pid: undefined };
  for (const { type, path } of spec.linux.namespaces) {
    if (type === 'user' || (type === 'cgroup' && !path)) continue; // once it is in its cgroup
    if (!path) found.flags |= namespaceFlags[type];
    else if (type === 'pid') found.pid = path;
    else found[type === 'mount' ? 'mount' : 'joined'].push({ op: 'enterNamespace', type, path });
  }
  return found;
}

/** Only for a namespace of its own: otherwise they would rename the host. */
function nameSteps(spec: RuntimeSpec): LaunchStep[] {
  return [
    ...(spec.hostname ? [{ op: 'hostname', name: spec.hostname } as const] : []),
    ...(spec.domainname ? [{ op: 'domainname', name: spec.domainname } as const] : []),
  ];
}

function stdioSteps(stdio: StdioSpec, uid: number): LaunchStep[] {
  if (stdio.terminal) return [];
  const { stdin, stdout, stderr } = stdio;
  return [{ op: 'stdio', stdin, stdout, stderr, uid }];
}

/** The root of a container with all that is mounted in it, in a mount namespace of the child's own. */
export function mountedRoot({ spec, rootfs, cgroup }: LaunchRequest, context: PlanContext): LaunchStep[] {
  const { cgroupsPath = '', namespaces } = spec.linux;
  const privateCgroups = namespaces.some(({ type, path }) => type === 'cgroup' && !path);
  const enterCgroup: LaunchStep[] = [
    ...joinSteps(cgroup, movesLater(cgroup, context)),
    ...(privateCgroups ? [{ op: 'unshare', flags: CLONE_NEWCGROUP } as const] : []),
  ];
  const mounting = { cgroups: context.cgroups, cgroupsPath, privateCgroups, enterCgroup };
  return [...holdSteps(spec), propagationStep, rootStep(rootfs, context.mountPoint), ...mountSteps(spec, mounting)];
}

/** Everything that happens between leaving the host's mounts alone and stepping into the new root. */
function rootSteps(request: LaunchRequest, context: PlanContext): LaunchStep[] {
  const { spec, rootfs, stdio } = request;
  const { linux } = spec;
  return [
    ...mountedRoot(request, context),
    ...initSteps(request),
    ...deviceSteps(spec, context),
    ...terminalSteps(stdio, spec.process, '/dev/console'),
    ...(Object.keys(linux.sysctl ?? {}).length > 0 ? [{ op: 'sysctls', values: linux.sysctl ?? {} } as const] : []),
    { op: 'makeDirectory', path: spec.process.cwd },
    ...(linux.readonlyPaths ?? []).map(path => ({ op: 'readonlyPath', path }) as const),
    ...(linux.maskedPaths ?? []).map(path => ({ op: 'mask', path }) as const),
    ...(spec.root.readonly || ('readonly' in rootfs && rootfs.readonly) ? [{ op: 'readonlyRoot' } as const] : []),
  ];
}

const rootStep = (rootfs: LaunchRequest['rootfs'], target: string): LaunchStep =>
  'directory' in rootfs ? { op: 'bindRoot', source: rootfs.directory, target } : overlayStep(rootfs, target);

export function overlayStep(rootfs: RootfsMount, target: string): RootStep {
  const { lowerdirs, upperdir, workdir, options = [] } = rootfs;
  return { op: 'root', target, lowerdirs, upperdir, workdir, options };
}

function initSteps({ init }: LaunchRequest): LaunchStep[] {
  if (!init) return [];
  return bindSteps({ source: init, destination: initTarget, options: ['ro', 'bind'] });
}

/** The devices that every container has, unless it was given the host's `/dev`. */
function deviceSteps(spec: RuntimeSpec, { hasKcore }: PlanContext): LaunchStep[] {
  const devices = spec.mounts.filter(mount => mount.destination === '/dev');
  if (devices.some(mount => mount.type === 'bind' || mount.options?.some(word => /^r?bind$/.test(word)))) return [];
  return [
    ...defaultDevices.map(device => deviceStep(device)),
    ...[...deviceLinks, ...(hasKcore ? [coreLink] : [])].map(
      ([path, target]) => ({ op: 'symlink', path, target }) as const,
    ),
    ...(spec.linux.devices ?? []).map(device => deviceStep(device)),
  ];
}

function deviceStep({
  type,
  path,
  major = 0,
  minor = 0,
  fileMode = 0o666,
  uid = 0,
  gid = 0,
}: RuntimeDevice): LaunchStep {
  const kind = type === 'p' ? S_IFIFO : type === 'b' ? S_IFBLK : S_IFCHR;
  return { op: 'device', path, mode: kind | (fileMode & 0o7777), major, minor, uid, gid };
}

function terminalSteps(stdio: StdioSpec, process: RuntimeProcess, console: string | null): LaunchStep[] {
  if (!stdio.terminal) return [];
  const rows = stdio.size?.rows ?? process.consoleSize?.height ?? 0;
  const columns = stdio.size?.columns ?? process.consoleSize?.width ?? 0;
  return [{ op: 'terminal', rows, columns, uid: process.user.uid, console }];
}

/** What turns a child inside the root into the container's program. */
export function processSteps(
  process: RuntimeProcess,
  { seccompFilter }: { seccompFilter?: Buffer } = {},
): LaunchStep[] {
  const { user, capabilities = {}, rlimits = [] } = process;
  const limits = rlimits.map(({ type, soft, hard }) => ({
    name: type,
    resource: limitNames.indexOf(type),
    soft,
    hard,
  }));
  const execve: ExecveStep = {
    op: 'execve',
    args: process.args,
    env: process.env,
    capabilities: {
      effective: capabilities.effective ?? [],
      permitted: capabilities.permitted ?? [],
      inheritable: capabilities.inheritable ?? [],
      ambient: capabilities.ambient ?? [],
    },
    noNewPrivileges: process.noNewPrivileges ?? false,
    filtered: seccompFilter !== undefined,
  };
  return [
    ...(process.apparmorProfile ? [{ op: 'apparmor', profile: process.apparmorProfile } as const] : []),
    ...(limits.length > 0 ? [{ op: 'limits', limits } as const] : []),
    {
      op: 'user',
      uid: user.uid,
      gid: user.gid,
      groups: user.additionalGids ?? [],
      umask: user.umask ?? 0o022,
      bounding: capabilities.bounding ?? [],
      cwd: process.cwd,
    },
    execve,
  ];
}
