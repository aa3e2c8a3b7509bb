import { fchownSync, fstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import type { ContainerId } from '../../contracts/brand.ts';
import type { LinuxResources, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import { type Cgroup, openCgroups } from '../cgroups/index.ts';
import {
  compileSeccomp,
  type LaunchPlan,
  launchPlan,
  planBytes,
  planContext,
  usualDeviceRules,
} from '../runtime/index.ts';
import { AT_FDCWD, mknodAt, toBytes } from '../syscalls/file.ts';
import { unshare } from '../syscalls/namespace.ts';
import { CLONE_NEWTIME } from '../syscalls/namespace-flags.ts';
import { type Born, bear } from './birth.ts';
import { type Bundle, hostUser, readBundle } from './config.ts';
import { type ContainerStore, type SavedContainer, startTimeOf } from './container-store.ts';
import { fail } from './failure.ts';
import { runHooks, runLastHooks } from './hooks.ts';
import { report } from './report.ts';
import { type StateDocument, stateDocument } from './status.ts';
import { passTerminal } from './terminal.ts';

const S_IFIFO = 0o010000;

export interface CreateOptions {
  id: string;
  bundle: string;
  consoleSocket?: string;
  pidFile?: string;
  /** Descriptors from the fourth on that the program inherits. */
  preserveFds: number;
  /** The terminal stays here when there is no socket for it. */
  foreground: boolean;
}

export interface CreatedContainer {
  container: SavedContainer;
  born: Born;
}

/**
 * The specification's `create`: everything but the program, which waits behind a gate in the container's folder.
 * @throws RuntimeFailure; then nothing is left
 */
export async function createContainer(options: CreateOptions, store: ContainerStore): Promise<CreatedContainer> {
  const bundle = readBundle(options.bundle);
  checkTerminal(bundle.config, options);
  store.reserve(options.id);
  let cgroup: Cgroup | undefined;
  try {
    cgroup = makeCgroup(cgroupsPathOf(options.id, bundle.config), bundle.config);
    const created = await bearContainer(options, bundle, { store, cgroup });
    if (options.pidFile) writeFileSync(options.pidFile, String(created.born.pid));
    if (created.born.terminal !== undefined && options.consoleSocket)
      passTerminal(options.consoleSocket, created.born.terminal);
    return created;
  } catch (error) {
    await cgroup?.remove();
    store.remove(options.id);
    const gone = stateDocument({ ...bundle, id: options.id, bundle: bundle.directory }, 'stopped', 0);
    runLastHooks(bundle.config.hooks, gone, why => report('warning', why)); // runtime.md#lifecycle: also when a hook failed
    throw error;
  }
}

function checkTerminal({ process }: RuntimeSpec, { consoleSocket, foreground }: CreateOptions): void {
  if (process.terminal && !consoleSocket && !foreground) {
    throw fail('cannot allocate tty if runc will detach without setting console socket');
  }
  if (!process.terminal && consoleSocket) {
    throw fail('cannot use console socket if runc will not detach or allocate tty');
  }
}

interface Place {
  store: ContainerStore;
  cgroup: Cgroup;
}

async function bearContainer(options: CreateOptions, bundle: Bundle, place: Place): Promise<CreatedContainer> {
  const { id } = options;
  const { store, cgroup } = place;
  const { config, directory } = bundle;
  const seccompFilter = filterOf(config);
  const plan = planOf(id, bundle, { ...place, seccompFilter });
  const file = join(store.directory(id), 'plan');
  const state = (pid: number): StateDocument => stateDocument({ id, config, bundle: directory }, 'creating', pid);
  writeFileSync(file, planBytes(plan.steps, seccompFilter), { mode: 0o600 });
  giveStreamsTo(hostUser(config.process.user.uid, config));
  enterTimeNamespace(config);
  const { steps: _, cloneFlags, ...birth } = plan;
  const hold = { write: null, read: [] };
  const inherited = options.preserveFds;
  const message = {
    op: 'start',
    id,
    plan: file,
    ...birth,
    cloneFlags: cloneFlags & ~CLONE_NEWTIME,
    hold,
    inherited,
  } as const;
  const born = await bear(message, {
    paused: pid => {
      runHooks(config.hooks, 'prestart', state(pid));
      runHooks(config.hooks, 'createRuntime', state(pid));
    },
  });
  rmSync(file); // it holds the environment, and with it secrets
  const container: SavedContainer = {
    version: 1,
    id,
    bundle: directory,
    rootDirectory: bundle.rootDirectory,
    pid: born.pid,
    startTime: startTimeOf(born.pid) ?? '',
    created: new Date().toISOString(),
    cgroupsPath: cgroup.path,
    config,
  };
  store.save(container);
  return { container, born };
}

function planOf(
  id: string,
  { config, directory, rootDirectory }: Bundle,
  { store, cgroup, seccompFilter }: Place & { seccompFilter: Buffer | undefined },
): LaunchPlan {
  const gate = store.gate(id);
  mknodAt(AT_FDCWD, toBytes(gate), S_IFIFO | 0o600);
  const mountPoint = join(store.directory(id), 'rootfs');
  mkdirSync(mountPoint, { mode: 0o711 });
  const { annotations, ociVersion } = config;
  const plan = launchPlan(
    {
      id: id as ContainerId,
      spec: {
        ...config,
        linux: { ...config.linux, cgroupsPath: cgroup.path },
        mounts: config.mounts.map(withSource(directory)),
      },
      rootfs: { directory: rootDirectory },
      stdio: config.process.terminal
        ? { terminal: true }
        : { terminal: false, stdin: null, stdout: null, stderr: null },
      cgroup: cgroup.join(),
      seccompFilter,
      lifecycle: {
        gate,
        state: { ociVersion, id, status: 'creating', bundle: directory, ...(annotations ? { annotations } : {}) },
      },
    },
    planContext(mountPoint),
  );
  return { ...plan, steps: plan.steps.filter(({ op }) => op !== 'stdio') }; // it keeps what this command was given
}

/** Binds may be said relative to the bundle. */
const withSource =
  (directory: string) =>
  (mount: RuntimeSpec['mounts'][number]): RuntimeSpec['mounts'][number] => {
    const isBind = mount.type === 'bind' || mount.options?.some(word => word === 'bind' || word === 'rbind');
    return isBind && mount.source && !mount.source.startsWith('/')
      ? { ...mount, source: join(directory, mount.source) }
      : mount;
  };

function cgroupsPathOf(id: string, { linux }: RuntimeSpec): string {
  const path = linux.cgroupsPath ?? '';
  return path.startsWith('/') ? path : `/${path === '' ? id : path}`;
}

/** What is denied comes first, then what every container may. */
function makeCgroup(path: string, { linux }: RuntimeSpec): Cgroup {
  const resources: LinuxResources = { ...linux.resources };
  if (resources.devices) resources.devices = [...resources.devices, ...usualDeviceRules];
  try {
    return openCgroups().create(path, resources).cgroup;
  } catch (error) {
    throw fail(`unable to apply cgroup configuration: ${(error as Error).message}`, error);
  }
}

function filterOf({ linux, process }: RuntimeSpec): Buffer | undefined {
  if (!linux.seccomp) return undefined;
  return compileSeccomp(linux.seccomp, { capabilities: process.capabilities?.bounding ?? [], kernel: release() });
}

/** So that a program of another user may open /dev/stdout again. Devices that are everybody's, as /dev/null, are left alone. */
function giveStreamsTo(uid: number): void {
  if (uid === 0) return;
  for (const fd of [0, 1, 2]) {
    try {
      if (isatty(fd) || !fstatSync(fd).isCharacterDevice()) fchownSync(fd, uid, -1);
    } catch {
      // Some things have no owner, or one that cannot be changed.
    }
  }
}

/** Its offsets can only be set while nobody is in it: this process stays outside, its child is born inside. time_namespaces(7) */
function enterTimeNamespace({ linux }: RuntimeSpec): void {
  if (!linux.namespaces.some(({ type, path }) => type === 'time' && !path)) return;
  unshare(CLONE_NEWTIME);
  const lines = Object.entries(linux.timeOffsets ?? {}).map(
    ([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`,
  );
  if (lines.length > 0) writeFileSync('/proc/self/timens_offsets', lines.join(''));
}
