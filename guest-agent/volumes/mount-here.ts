import { mountFilesystem } from '../syscalls/mount.ts';
import {
  MS_BIND,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from '../syscalls/mount-flags.ts';
import type { DriverMount } from './driver-mount.ts';

const propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

/**
 * Mounts on `target`, and waits as long as a server takes to answer. Propagation and the read-only state of a bind mount
 * are calls of their own (mount(2)).
 */
export function mountHere({ source, type, flags, data }: DriverMount, target: string): void {
  const first = flags & ~propagation;
  mountFilesystem({ source, target, type, flags: first, data });
  if (flags & propagation) {
    mountFilesystem({ source: '', target, type: '', flags: flags & (propagation | MS_REC), data: '' });
  }
  if ((first & MS_BIND) !== 0 && (first & MS_RDONLY) !== 0) {
    mountFilesystem({ source: '', target, type: '', flags: first | MS_REMOUNT, data: '' });
  }
}
