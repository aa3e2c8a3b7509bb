import { openSync, readdirSync, readlinkSync } from 'node:fs';
import { closeRange, duplicateTo } from '../syscalls/process.ts';

/** Standard streams are replaced at the end, so that no new descriptor takes their numbers. */
export const firstDescriptor = 3;

let wakers: readonly number[] | undefined;
let nullDevice = -1;

/**
 * V8 wakes its event loop through an eventfd, also from a garbage collection, and Node aborts when it cannot write there.
 * To be called in the keeper: afterwards the child can put the null device in their places.
 */
export function findWakers(): void {
  if (wakers) return;
  nullDevice = openSync('/dev/null', 'r+');
  wakers = readdirSync('/proc/self/fd')
    .map(Number)
    .filter(fd => linkOf(fd) === 'anon_inode:[eventfd]');
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // the descriptor with which the folder was read
  }
}

/** In the child: closes all that its parent has open, except `keep`; its event loop cannot be woken from here. */
export function leaveDescriptors(keep: readonly number[]): void {
  for (const fd of wakers ?? []) duplicateTo(nullDevice, fd);
  nullDevice = wakers?.[0] ?? -1; // for children of its own
  let next = firstDescriptor;
  const kept = [...keep, ...(wakers ?? [])].filter(fd => fd >= firstDescriptor).sort((a, b) => a - b);
  for (const fd of kept) {
    closeRange(next, fd - 1);
    next = fd + 1;
  }
  closeRange(next);
}
