import { constants, fchownSync, openSync } from 'node:fs';
import { AT_FDCWD, closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { bringLoopbackUp, setDomainname, setHostname, setns, unshare } from '../syscalls/namespace.ts';
import { namespaceFlags } from '../syscalls/namespace-flags.ts';
import { joinKeyring, newSession, shareKeyring, writeFd } from '../syscalls/process.ts';
import type { Child } from './child.ts';
import { openNull } from './covers.ts';
import { becomeContainerUser, limitResources, replaceProgram } from './perform-identity.ts';
import { awaitStart, openGate, pause, runHooks } from './perform-lifecycle.ts';
import {
  bind,
  bindRoot,
  holdMounts,
  makeDevice,
  makeReadonlyRoot,
  makeSymlink,
  mask,
  mountFilesystem,
  mountRoot,
  pivot,
  protect,
  remount,
  setPropagation,
} from './perform-mounts.ts';
import { setAppArmorProfile, writeSysctls } from './perform-proc.ts';
import { beReborn } from './perform-rebirth.ts';
import { copyRoot, offerDescriptors } from './perform-restore.ts';
import { openTerminal } from './perform-terminal.ts';
import { enterUserNamespace, makeUserNamespace, prepareForUser } from './perform-user-namespace.ts';
import type { LaunchStep } from './protocol.ts';
import { ensureInRoot } from './rootfs-path.ts';

type StepOf<Op extends LaunchStep['op']> = Extract<LaunchStep, { op: Op }>;

const performers: { [Op in LaunchStep['op']]: (child: Child, step: StepOf<Op>) => void } = {
  stdio: openStdio,
  joinCgroup: (_child, { tasks }) => {
    for (const file of tasks) writeTo(file, '0');
  },
  oomScore: setOomScore,
  enterNamespace,
  enterContainer: (child, { flags }) => {
    setns(child.container, flags, 'container');
    child.root = openAt2(AT_FDCWD, '/', 0o10000000, 0);
  },
  rebirth: child => beReborn(child),
  unshare: (_child, { flags }) => unshare(flags),
  newSession: (_child, step) => startSession(step),
  userNamespace: makeUserNamespace,
  prepareForUser,
  enterUser: enterUserNamespace,
  loopbackUp: bringLoopbackUp,
  hostname: (_child, { name }) => setHostname(name),
  domainname: (_child, { name }) => setDomainname(name),
  hold: holdMounts,
  propagation: (_child, { flags }) => setPropagation(flags),
  root: mountRoot,
  mount: mountFilesystem,
  bind,
  remount,
  terminal: openTerminal,
  device: makeDevice,
  symlink: makeSymlink,
  sysctls: (_child, { values }) => writeSysctls(values),
  mask: (child, { path }) => mask(child, path),
  readonlyPath: (child, { path }) => protect(child, path),
  makeDirectory: (child, { path }) => void closeFd(ensureInRoot(child.root, path, 'directory')),
  bindRoot,
  pause: (child, { reason }) => pause(child, reason),
  hooks: (child, step) => runHooks(child, step),
  openGate,
  awaitStart,
  readonlyRoot: makeReadonlyRoot,
  copyRoot,
  offer: offerDescriptors,
  pivot,
  apparmor: (_child, { profile }) => setAppArmorProfile(profile),
  limits: limitResources,
  user: becomeContainerUser,
  execve: replaceProgram,
};

/** Does one step. @throws SyscallError or Node's error of a file call */
export function perform<Op extends LaunchStep['op']>(child: Child, step: StepOf<Op>): void {
  const performer = performers[step.op] as (child: Child, step: StepOf<Op>) => void;
  performer(child, step);
}

/** Opened by the child itself, as blocking descriptors of its own; then the user's, so that it may reopen `/dev/stdout`. */
function openStdio(child: Child, step: StepOf<'stdio'>): void {
  const open = (path: string | null, flags: 'r' | 'w'): number => (path ? openSync(path, flags) : openNull(child));
  // A FIFO exists already; `r+` would make the container its own reader, `w` truncates nothing there.
  child.stdio = [open(step.stdin, 'r'), open(step.stdout, 'w'), open(step.stderr, 'w')];
  for (const [index, path] of [step.stdin, step.stdout, step.stderr].entries()) {
    const fd = child.stdio[index];
    if (path && fd !== undefined && step.uid !== 0) fchownSync(fd, step.uid, 0);
  }
}

/** Below the parent's own it needs CAP_SYS_RESOURCE. Nobody asks for the usual 0: without the right it stays as it is. */
function setOomScore(child: Child, { value }: StepOf<'oomScore'>): void {
  try {
    writeTo('/proc/self/oom_score_adj', String(value));
  } catch (error) {
    if (value !== 0) throw error;
    child.warn(`oom_score_adj stays as it is: ${String(error)}`);
  }
}

/** Like Node's `writeFileSync`, which takes five times as long. */
function writeTo(path: string, text: string): void {
  const fd = openAt2(AT_FDCWD, toBytes(path), constants.O_WRONLY, 0);
  try {
    writeFd(fd, Buffer.from(text), path);
  } finally {
    closeFd(fd);
  }
}

/** The kernel refuses a file of another kind. */
function enterNamespace(_child: Child, { type, path }: StepOf<'enterNamespace'>): void {
  const fd = openSync(path, 'r');
  setns(fd, namespaceFlags[type], path);
  closeFd(fd);
}

function startSession({ keyring, first }: StepOf<'newSession'>): void {
  newSession();
  try {
    const joined = joinKeyring(keyring);
    if (first) shareKeyring(joined);
  } catch (error) {
    if (!isSyscallError(error, 'ENOSYS')) throw error; // a kernel without keyrings has none to keep
  }
}
