import { check, declare } from './libc.ts';

/**
 * Mounts by descriptor (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)): what is prepared is in no mount table
 * until it is moved to a target that was opened beforehand, so no path is resolved twice.
 */
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;

const MNT_DETACH = 2;

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0x80000;
const MOUNT_ATTR_IDMAP = 0x100000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const SYS_mount_setattr = 442;
const SYS_pivot_root = process.arch === 'arm64' ? 41 : 155;

// By number: glibc has these wrappers only since 2.36.
const rawFsopen = declare<(nr: number, type: string, flags: number) => number>(
  'long syscall(long nr, const char *type, unsigned int flags)',
);
const rawFsconfig = declare<
  (nr: number, fd: number, command: number, key: string | null, value: string | null, aux: number) => number
>('long syscall(long nr, int fd, unsigned int command, const char *key, const char *value, int aux)');
const rawFsmount = declare<(nr: number, fd: number, flags: number, attributes: number) => number>(
  'long syscall(long nr, int fd, unsigned int flags, unsigned int attributes)',
);
const rawOpenTree = declare<(nr: number, dirfd: number, path: string, flags: number) => number>(
  'long syscall(long nr, int dirfd, const char *path, unsigned int flags)',
);
const rawMoveMount = declare<
  (nr: number, from: number, fromPath: string, to: number, toPath: string, flags: number) => number
>('long syscall(long nr, int from, const char *fromPath, int to, const char *toPath, unsigned int flags)');
const rawMountSetattr = declare<
  (nr: number, fd: number, path: string, flags: number, attributes: Buffer, size: number) => number
>('long syscall(long nr, int fd, const char *path, unsigned int flags, void *attributes, size_t size)');
const rawPivotRoot = declare<(nr: number, newRoot: string, putOld: string) => number>(
  'long syscall(long nr, const char *newRoot, const char *putOld)',
);
const rawMount = declare<
  (source: string | null, target: string, type: string | null, flags: number, data: string | null) => number
>('int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)');
const rawUmount2 = declare<(target: string, flags: number) => number>('int umount2(const char *target, int flags)');

/** A file system of `type`, made with `options` (`key` or `key=value`), as a detached mount's descriptor. */
export function newFilesystem(type: string, options: readonly string[], attributes = 0, source = type): number {
  const context = check('fsopen', rawFsopen(SYS_fsopen, type, FSOPEN_CLOEXEC), type);
  try {
    configure(context, `source=${source}`);
    for (const option of options) configure(context, option);
    check('fsconfig', rawFsconfig(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0), type);
    return check('fsmount', rawFsmount(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), type);
  } finally {
    closeFd(context);
  }
}

function configure(context: number, option: string): void {
  const cut = option.indexOf('=');
  const result =
    cut === -1
      ? rawFsconfig(SYS_fsconfig, context, FSCONFIG_SET_FLAG, option, null, 0)
      : rawFsconfig(SYS_fsconfig, context, FSCONFIG_SET_STRING, option.slice(0, cut), option.slice(cut + 1), 0);
  check('fsconfig', result, option);
}

const closeFd = declare<(fd: number) => number>('int close(int fd)');

/** A detached copy of the mount at `path` below `dirfd` (the mount of `dirfd` itself when `path` is empty). */
export function cloneTree(dirfd: number, path: string, recursive: boolean): number {
  const flags =
    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) | (path === '' ? AT_EMPTY_PATH : 0);
  return check('open_tree', rawOpenTree(SYS_open_tree, dirfd, path, flags), path);
}

/** Puts the detached mount `mount` where `target` was opened. */
export function attachMount(mount: number, target: number, subject: string): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  check('move_mount', rawMoveMount(SYS_move_mount, mount, '', target, '', flags), subject);
}

/** Puts the detached mount `mount` on what is called `name` in `directory`; no link is followed. */
export function attachMountAt(mount: number, directory: number, name: string): void {
  check('move_mount', rawMoveMount(SYS_move_mount, mount, '', directory, name, MOVE_MOUNT_F_EMPTY_PATH), name);
}

/** What to change of a mount: `MOUNT_ATTR_*` bits, and one of `MS_PRIVATE MS_SLAVE MS_SHARED MS_UNBINDABLE`. */
export interface MountChange {
  set?: number;
  clear?: number;
  propagation?: number;
}

/** Changes the mount behind `fd`, and all below it if `recursive`. */
export function changeMount(fd: number, change: MountChange, recursive: boolean, subject: string): void {
  const attributes = Buffer.alloc(32); // struct mount_attr
  attributes.writeBigUInt64LE(BigInt(change.set ?? 0), 0);
  attributes.writeBigUInt64LE(BigInt(change.clear ?? 0), 8);
  attributes.writeBigUInt64LE(BigInt(change.propagation ?? 0), 16);
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check('mount_setattr', rawMountSetattr(SYS_mount_setattr, fd, '', flags, attributes, 32), subject);
}

/**
 * Gives the files of a detached mount, and of what is below it, to the users of a user namespace: on the disk they stay
 * whose they are. mount_setattr(2), ID-mapped mounts
 */
export function mapIdentities(mount: number, userNamespace: number, subject: string): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(BigInt(MOUNT_ATTR_IDMAP), 0);
  attributes.writeBigUInt64LE(BigInt(userNamespace), 24);
  const flags = AT_EMPTY_PATH | AT_RECURSIVE;
  check('mount_setattr', rawMountSetattr(SYS_mount_setattr, mount, '', flags, attributes, 32), subject);
}

/** Sets the propagation of the mount at `target`; `flags` is one of `MS_PRIVATE …`, with `MS_REC` for all below. */
export function changePropagation(target: string, flags: number): void {
  check('mount', rawMount(null, target, null, flags, null), target);
}

/** What {@link mountFilesystem} is asked for; `flags` are `MS_…` bits. */
export interface MountRequest {
  source: string;
  target: string;
  type: string;
  flags: number;
  data: string;
}

/** mount(2) itself: a file system on a path of this namespace, where everybody sees it. */
export function mountFilesystem({ source, target, type, flags, data }: MountRequest): void {
  check('mount', rawMount(source, target, type, flags, data), target);
}

/** Lazy by default: a busy file must not keep a dead container's root alive. */
export function unmount(target: string, flags: number = MNT_DETACH): void {
  check('umount2', rawUmount2(target, flags), target);
}

/** Makes the current directory the root and leaves the old root mounted on top of it: `unmount('.')` then drops it. pivot_root(2). */
export function pivotRootHere(): void {
  check('pivot_root', rawPivotRoot(SYS_pivot_root, '.', '.'), '.');
}
