import { constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { forkProcess } from '../syscalls/clone.ts';
import { AT_FDCWD, chownAt, closeFd, mkdirAt, mknodAt, O_PATH, openAt2, toBytes } from '../syscalls/file.ts';
import { actAs, becomeUser } from '../syscalls/identity.ts';
import { attachMount, cloneTree, mapIdentities, newFilesystem } from '../syscalls/mount.ts';
import { setns } from '../syscalls/namespace.ts';
import { CLONE_NEWUSER } from '../syscalls/namespace-flags.ts';
import { changeDirectory, exitNow, readFd, socketPair, waitForChild, writeFd } from '../syscalls/process.ts';
import type { Child } from './child.ts';
import { coversOf } from './covers.ts';
import { attachAt, mountOverlay, sourceOf } from './perform-mounts.ts';
import type { LaunchStep } from './protocol.ts';

type StepOf<Op extends LaunchStep['op']> = Extract<LaunchStep, { op: Op }>;

/**
 * A user namespace with the given maps, in which this process is not yet. A namespace needs a process to begin with: one
 * that does nothing until the maps are written, which is done from outside. user_namespaces(7)
 */
export function makeUserNamespace(child: Child, { uidMap, gidMap, path }: StepOf<'userNamespace'>): void {
  if (path !== undefined) {
    child.userNamespace = openSync(path, 'r');
    return;
  }
  const [mine, its] = socketPair();
  const { pid, pidfd } = forkProcess(CLONE_NEWUSER);
  if (pid === 0) {
    closeFd(mine);
    readFd(its, Buffer.alloc(1)); // until the other end is closed
    exitNow(0);
  }
  try {
    writeMap(`/proc/${pid}/uid_map`, uidMap);
    writeMap(`/proc/${pid}/gid_map`, gidMap);
    child.userNamespace = openSync(`/proc/${pid}/ns/user`, 'r');
  } finally {
    for (const fd of [mine, its, pidfd]) closeFd(fd);
    waitForChild(pid);
  }
}

function writeMap(path: string, map: string): void {
  const fd = openSync(path, 'w');
  writeFd(fd, Buffer.from(map), path);
  closeFd(fd);
}

/**
 * What root in the namespace could not make for itself: its root with the image's layers, which belong to the users of
 * the namespace without a change on the disk; devices; sources of mounts; file systems of the machine's. All are held as
 * detached mounts until their steps come.
 */
export function prepareForUser(child: Child, step: StepOf<'prepareForUser'>): void {
  const held = new Map<string, number>();
  coversOf(child);
  // An overlay looks its layers up by path: they are mounted where nobody else sees them.
  const workshop = newFilesystem('tmpfs', ['mode=755']);
  attachAt(step.root.target, workshop);
  const { root } = step;
  held.set(
    '/',
    root.op === 'root' ? mappedOverlay(child, { ...step, root }, workshop) : cloneTree(AT_FDCWD, root.source, true),
  );
  for (const [number, device] of step.devices.entries()) {
    const name = `device${number}`;
    mknodAt(workshop, name, device.mode, device.major, device.minor);
    chownAt(workshop, name, step.rootUid + device.uid, step.rootGid + device.gid);
    held.set(device.path, cloneTree(workshop, name, false));
  }
  for (const bind of step.binds) {
    const mount = sourceOf(child, bind);
    if (step.mapped.includes(bind.target)) mapIdentities(mount, child.userNamespace, bind.source);
    held.set(bind.target, mount);
  }
  for (const { type, options, attributes, source, target } of step.filesystems)
    held.set(target, newFilesystem(type, options, attributes, source));
  closeFd(workshop);
  changeDirectory(step.root.target); // the way there may be closed to the user
  child.held = held;
}

type Layered = StepOf<'prepareForUser'> & { root: StepOf<'root'> };

function mappedOverlay(child: Child, { root, rootUid, rootGid }: Layered, workshop: number): number {
  const put = (name: string, directory: string): string => {
    const mount = cloneTree(AT_FDCWD, directory, false);
    mapIdentities(mount, child.userNamespace, directory);
    mkdirAt(workshop, name, 0o755);
    const target = openAt2(workshop, toBytes(name), O_PATH | constants.O_DIRECTORY, 0);
    attachMount(mount, target, directory);
    closeFd(target);
    closeFd(mount);
    return `${root.target}/${name}`;
  };
  const lowerdirs = root.lowerdirs.map((directory, number) => put(`layer${number}`, directory));
  const own = put('own', dirname(root.upperdir)); // both of them have to be of one mount
  const upperdir = `${own}/${basename(root.upperdir)}`;
  const workdir = `${own}/${basename(root.workdir)}`;
  // What an overlay makes for itself is its mounter's, who must be one of the namespace's users.
  return actAs(rootUid, rootGid, () => mountOverlay({ ...root, lowerdirs, upperdir, workdir }));
}

/** Becomes root of the namespace: the one that was made, or the one that was joined with a container. */
export function enterUserNamespace(child: Child): void {
  if (child.userNamespace !== -1) setns(child.userNamespace, CLONE_NEWUSER, 'user');
  becomeUser(0, 0, []);
}
