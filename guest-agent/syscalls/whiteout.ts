import { constants } from 'node:fs';
import {
  type ByteString,
  closeFd,
  type FileStatus,
  findStatAt,
  isCharacterDevice,
  isRegular,
  mknodAt,
  openAt2,
  RESOLVE_BENEATH,
} from './file.ts';
import { isSyscallError } from './libc.ts';
import { removeTreeAt } from './remove-tree.ts';
import { getXattrAt, setXattrAt } from './xattr.ts';

/*
 * What a layer takes away from those below it, in the marks of overlayfs (Documentation/filesystems/overlayfs.rst): a
 * character device 0/0 in place of a name, an attribute on a directory that hides all that is below. Overlayfs as the
 * file system that layers are stored on refuses the first, so that they have stand-ins there, which only we understand; and
 * beside them files that fuse-overlayfs does. Where it is not there either, layers in such a place are copied, not mounted.
 */

const opaqueMark = 'trusted.overlay.opaque';
const standIns = { whiteout: 'trusted.berth.whiteout', opaque: 'trusted.berth.opaque' };
const yes = Buffer.from('y');
const { O_CREAT, O_EXCL, O_WRONLY, S_IFCHR } = constants;

/** Attributes that are marks of ours or of overlayfs, and belong to the layer that they are in. */
export const isLayerMark = (attribute: string): boolean => /^trusted\.(overlay|berth)\./.test(attribute);

/** Takes `name` away from the layers below. @throws SyscallError EEXIST */
export function makeWhiteout(directory: number, name: ByteString): void {
  try {
    mknodAt(directory, name, S_IFCHR);
  } catch (error) {
    if (!isSyscallError(error, 'EPERM')) throw error;
    makeStandIn(directory, name);
  }
}

function makeStandIn(directory: number, name: ByteString): void {
  closeFd(openAt2(directory, name, O_CREAT | O_EXCL | O_WRONLY, RESOLVE_BENEATH, 0));
  setXattrAt(directory, name, standIns.whiteout, yes);
}

const forFuse = (name: ByteString): ByteString => `.wh.${name}`;
const longestName = 255;

/** Tells fuse-overlayfs, too, what stands in for a mark of overlayfs at `name`. A mark itself needs nothing beside it. */
export function markForFuse(directory: number, name: ByteString): void {
  const status = findStatAt(directory, name);
  const beside = forFuse(name);
  if (!status || !isRegular(status.mode) || beside.length > longestName || findStatAt(directory, beside)) return;
  makeStandIn(directory, beside);
}

/** What is to be at `name` is no longer taken away. */
export function unmarkForFuse(directory: number, name: ByteString): void {
  const beside = forFuse(name);
  const status = beside.length > longestName ? undefined : findStatAt(directory, beside);
  if (status && isWhiteout(directory, beside, status)) removeTreeAt(directory, beside);
}

export function isWhiteout(directory: number, name: ByteString, { mode, device, size }: FileStatus): boolean {
  if (isCharacterDevice(mode)) return device.major === 0 && device.minor === 0;
  return isRegular(mode) && size === 0 && (mode & 0o777) === 0 && hasMark(directory, name, standIns.whiteout);
}

/** Hides what the layers below have in the directory `name` of `directory`; with an empty name in that one itself. */
export function makeOpaque(directory: number, name: ByteString): void {
  try {
    setXattrAt(directory, name, opaqueMark, yes);
  } catch (error) {
    if (!isSyscallError(error, 'EPERM', 'EOPNOTSUPP')) throw error;
    setXattrAt(directory, name, standIns.opaque, yes);
  }
}

export const isOpaque = (directory: number, name: ByteString): boolean =>
  hasMark(directory, name, opaqueMark) || hasMark(directory, name, standIns.opaque);

const hasMark = (directory: number, name: ByteString, attribute: string): boolean =>
  getXattrAt(directory, name, attribute)?.toString() === 'y';
