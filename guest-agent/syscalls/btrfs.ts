import { constants, statfsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { AT_FDCWD, closeFd, openAt2, toBytes } from './file.ts';
import { ioctl } from './ioctl.ts';
import { errno, SyscallError } from './libc.ts';

const BTRFS_SUPER_MAGIC = 0x9123683e;
const BTRFS_IOC_SUBVOL_CREATE = 0x5000940e;
const BTRFS_IOC_SNAP_DESTROY = 0x5000940f;
const BTRFS_IOC_SNAP_CREATE_V2 = 0x50009417;
/** struct btrfs_ioctl_vol_args and its successor: a descriptor, in the second what nobody needs here, and a name. */
const argumentBytes = 4096;
const nameAt = { old: 8, v2: 56 };

/** True when `path` is on btrfs. */
export const isBtrfs = (path: string): boolean => statfsSync(path).type === BTRFS_SUPER_MAGIC;

/** Makes an empty subvolume. @throws SyscallError */
export const makeSubvolume = (path: string): void => act('subvolume', BTRFS_IOC_SUBVOL_CREATE, path, nameAt.old);

/** Makes the subvolume `target` of all that `source` has at this moment; neither sees later changes of the other. @throws SyscallError */
export function snapshotSubvolume(source: string, target: string): void {
  const fd = openFolder(source);
  try {
    act('snapshot', BTRFS_IOC_SNAP_CREATE_V2, target, nameAt.v2, fd);
  } finally {
    closeFd(fd);
  }
}

/** Removes a subvolume in an instant, however much is in it. @throws SyscallError: ENOTEMPTY with another one inside */
export const destroySubvolume = (path: string): void => act('destroy', BTRFS_IOC_SNAP_DESTROY, path, nameAt.old);

const openFolder = (path: string): number =>
  openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY | constants.O_DIRECTORY, 0);

function act(what: string, request: number, path: string, at: number, source = 0): void {
  const argument = Buffer.alloc(argumentBytes);
  argument.writeBigInt64LE(BigInt(source));
  argument.write(basename(path), at);
  const parent = openFolder(dirname(path));
  try {
    if (ioctl(parent, request, argument) === -1) throw new SyscallError(`btrfs ${what}`, errno(), path);
  } finally {
    closeFd(parent);
  }
}
