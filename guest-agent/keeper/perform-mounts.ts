import { openSync } from 'node:fs';
import { basename } from 'node:path';
import { AT_FDCWD, chownAt, closeFd, mkdirAt, mknodAt, O_PATH, openAt2, symlinkAt, toBytes } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import {
  attachMount,
  attachMountAt,
  changeMount,
  changePropagation,
  cloneTree,
  newFilesystem,
  pivotRootHere,
  unmount,
} from '../syscalls/mount.ts';
import { MOUNT_ATTR_RDONLY, MS_REC } from '../syscalls/mount-flags.ts';
import { setns } from '../syscalls/namespace.ts';
import { CLONE_NEWNS } from '../syscalls/namespace-flags.ts';
import { newWritableOverlay } from '../syscalls/overlay.ts';
import { changeDirectory, changeDirectoryTo } from '../syscalls/process.ts';
import { copyAhead, rootOfAhead } from './ahead.ts';
import type { Child } from './child.ts';
import { coversOf, directoryCover, fileCover } from './covers.ts';
import { assertOutsideProc } from './proc-guard.ts';
import type { BindStep, LaunchStep } from './protocol.ts';
import { ensureInRoot, ensureParent, findInRoot, isDirectory, openInRoot, openPlainDirectory } from './rootfs-path.ts';

type StepOf<Op extends LaunchStep['op']> = Extract<LaunchStep, { op: Op }>;

const kernelFilesystems = new Set(['proc', 'sysfs']);

export const setPropagation = (flags: number): void => changePropagation('/', flags);

/** Puts the overlay on a directory that exists outside, which only this namespace sees covered; below it what goes with the host's. */
export function mountRoot(child: Child, step: StepOf<'root'>): void {
  attachHelpers(child, step.target);
  child.root = child.held?.get('/') ?? mountOverlay(step);
  attachAt(step.target, child.root);
}

/** The same with a directory in the place of an overlay. */
export function bindRoot(child: Child, { source, target }: StepOf<'bindRoot'>): void {
  attachHelpers(child, target);
  child.root = child.held?.get('/') ?? cloneTree(AT_FDCWD, source, true);
  attachAt(target, child.root);
}

function attachHelpers(child: Child, target: string): void {
  attachAt(target, coversOf(child));
  const ahead = rootOfAhead(child);
  if (ahead !== undefined) attachAt(target, ahead);
}

export function attachAt(path: string, mount: number): void {
  const target = openAt2(AT_FDCWD, toBytes(path), O_PATH, 0);
  attachMount(mount, target, path);
  closeFd(target);
}

export function mountOverlay({ lowerdirs, upperdir, workdir, options }: StepOf<'root'>): number {
  const rest = [`upperdir=${upperdir}`, `workdir=${workdir}`, ...options];
  return withLayers(lowerdirs, layers => newWritableOverlay([...layers, ...rest], workdir));
}

/** Layers as the options of an overlay: before Linux 6.7 they are one. */
function withLayers(lowerdirs: readonly string[], mount: (options: readonly string[]) => number): number {
  try {
    return mount(lowerdirs.map(lower => `lowerdir+=${lower}`));
  } catch (error) {
    if (!isSyscallError(error, 'EINVAL') || !error.subject.startsWith('lowerdir+')) throw error;
    const escaped = lowerdirs.map(lower => lower.replace(/[\\:]/g, '\\$&'));
    return mount([`lowerdir=${escaped.join(':')}`]);
  }
}

/** A new file system of the kernel's. `/proc` and `/sys` must be true directories of the image. */
export function mountFilesystem(child: Child, step: StepOf<'mount'>): void {
  let target = ensureInRoot(child.root, step.target, 'directory');
  if (kernelFilesystems.has(step.type)) {
    closeFd(target);
    target = openPlainDirectory(child.root, step.target);
  }
  const made = child.held?.get(step.target) ?? copyAhead(child, step.target);
  const mount = made ?? newFilesystem(step.type, step.options, step.attributes, step.source);
  attachMount(mount, target, step.target);
  if (step.propagation)
    changeMount(mount, { propagation: step.propagation & ~MS_REC }, (step.propagation & MS_REC) !== 0, step.target);
  for (const bind of step.binds ?? []) bindBelow(child, mount, bind);
  closeFd(target);
  closeFd(mount);
}

/** {@link bind} of a directory on a new one in `folder`, a file system that is empty and the container's alone. */
function bindBelow(child: Child, folder: number, step: BindStep): void {
  const name = basename(step.target);
  const mount = sourceOf(child, step);
  mkdirAt(folder, name, 0o755);
  attachMountAt(mount, folder, name);
  changeBind(mount, step);
  closeFd(mount);
}

export function holdMounts(child: Child, { mounts }: StepOf<'hold'>): void {
  child.held = new Map(mounts.map(({ source, target, recursive }) => [target, cloneTree(AT_FDCWD, source, recursive)]));
}

/** Something of the host, on a file or directory that is made when the image has none. */
export function bind(child: Child, step: BindStep): void {
  const mount = sourceOf(child, step);
  const target = ensureInRoot(child.root, step.target, isDirectory(mount) ? 'directory' : 'file');
  assertOutsideProc(step, mount, target);
  attachMount(mount, target, step.target);
  changeBind(mount, step);
  closeFd(target);
  closeFd(mount);
}

/** Before Linux 6.15 the propagation of a detached mount cannot be changed: it is attached already. Nobody else is here yet. */
function changeBind(mount: number, { set, clear, setRecursive, recursive, ...step }: BindStep): void {
  const propagation = step.propagation & ~MS_REC;
  const propagationRecursive = (step.propagation & MS_REC) !== 0;
  if (!recursive || setRecursive === propagationRecursive) {
    if (set !== 0 || clear !== 0 || propagation !== 0)
      changeMount(mount, { set, clear, propagation }, recursive && propagationRecursive, step.target);
  } else {
    if (set !== 0 || clear !== 0) changeMount(mount, { set, clear }, setRecursive, step.target);
    if (propagation !== 0) changeMount(mount, { propagation }, propagationRecursive, step.target);
  }
}

/** A mount can only be copied from where it stands. setns(2) */
function inMountNamespace<T>(path: string, act: () => T): T {
  const [own, other] = [openSync('/proc/self/ns/mnt', 'r'), openSync(path, 'r')];
  setns(other, CLONE_NEWNS, path);
  try {
    return act();
  } finally {
    setns(own, CLONE_NEWNS);
    closeFd(own);
    closeFd(other);
  }
}

/** A detached copy of what a bind mount shows. */
export function sourceOf(child: Child, { source, target, inside, recursive, layers, namespace }: BindStep): number {
  const held = child.held?.get(target);
  if (held !== undefined) return held;
  if (namespace !== undefined) return inMountNamespace(namespace, () => cloneTree(AT_FDCWD, source, recursive));
  if (layers !== undefined) return viewOf(layers, { place: source, inside });
  if (inside === undefined) return cloneTree(AT_FDCWD, source, recursive);
  const root = openAt2(AT_FDCWD, toBytes(source), O_PATH, 0);
  const mount = partOf(root, inside, recursive);
  closeFd(root);
  return mount;
}

/**
 * Layers as one tree. A part of it is copied where the whole stands for an instant, on `place`, which only this mount
 * namespace sees covered: before Linux 6.15 nothing can be copied of a detached tree.
 */
function viewOf(layers: readonly string[], { place, inside }: { place: string; inside: string | undefined }): number {
  const whole = withLayers(layers, options => newFilesystem('overlay', options, MOUNT_ATTR_RDONLY));
  if (inside === undefined) return whole;
  attachAt(place, whole);
  try {
    return partOf(whole, inside, false);
  } finally {
    unmount(place);
    closeFd(whole);
  }
}

function partOf(root: number, inside: string, recursive: boolean): number {
  const found = openInRoot(root, inside);
  try {
    return cloneTree(found, '', recursive);
  } finally {
    closeFd(found);
  }
}

export function remount(child: Child, { target, set, clear, recursive = false }: StepOf<'remount'>): void {
  const mount = openInRoot(child.root, target);
  changeMount(mount, { set, clear }, recursive, target);
  closeFd(mount);
}

export function makeDevice(child: Child, step: StepOf<'device'>): void {
  const held = child.held?.get(step.path);
  if (held !== undefined) {
    const target = ensureInRoot(child.root, step.path, 'file');
    attachMount(held, target, step.path);
    closeFd(target);
    closeFd(held);
    return;
  }
  const { directory, name } = ensureParent(child.root, step.path);
  const file = toBytes(name);
  try {
    mknodAt(directory, file, step.mode, step.major, step.minor);
    if (step.uid !== 0 || step.gid !== 0) chownAt(directory, file, step.uid, step.gid);
  } catch (error) {
    if (!isSyscallError(error, 'EEXIST')) throw error;
  }
  closeFd(directory);
}

export function makeSymlink(child: Child, step: StepOf<'symlink'>): void {
  const { directory, name } = ensureParent(child.root, step.path);
  try {
    symlinkAt(toBytes(step.target), directory, toBytes(name));
  } catch (error) {
    if (!isSyscallError(error, 'EEXIST')) throw error;
  }
  closeFd(directory);
}

/** Covers a file with the null device and a directory with an empty read-only one; what is not there needs no cover. */
export function mask(child: Child, path: string): void {
  const target = findInRoot(child.root, path);
  if (target === undefined) return;
  const cover = isDirectory(target) ? directoryCover(child) : fileCover(child);
  attachMount(cover, target, path);
  closeFd(target);
  closeFd(cover);
}

/** Makes a path read-only by binding it on itself. */
export function protect(child: Child, path: string): void {
  const target = findInRoot(child.root, path);
  if (target === undefined) return;
  const mount = cloneTree(target, '', true);
  changeMount(mount, { set: MOUNT_ATTR_RDONLY }, true, path);
  attachMount(mount, target, path);
  closeFd(target);
  closeFd(mount);
}

export const makeReadonlyRoot = (child: Child): void => changeMount(child.root, { set: MOUNT_ATTR_RDONLY }, false, '/');

/** The container's root becomes the root; the host's mounts fall away. pivot_root(2), notes on `pivot_root(".", ".")`. */
export function pivot(child: Child, { propagation }: StepOf<'pivot'>): void {
  changeDirectoryTo(child.root, 'root');
  pivotRootHere();
  unmount('.'); // it is slave to the host, so nothing of this reaches it
  changeDirectory('/');
  if (propagation !== 0) changePropagation('/', propagation);
}
