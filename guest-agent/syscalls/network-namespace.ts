import { closeSync, openSync } from 'node:fs';
import { check, declare } from './libc.ts';

const unshare = declare<(flags: number) => number>('int unshare(int flags)');
const setns = declare<(fd: number, type: number) => number>('int setns(int fd, int type)');

const CLONE_NEWNET = 0x40000000;
/** Names the calling thread's own namespace, which differs from the process's while a switch is under way. */
const OWN = '/proc/thread-self/ns/net';

/** A descriptor of the network namespace that this thread is in. */
export const openOwnNetworkNamespace = (): number => openSync(OWN, 'r');

/** A descriptor of the network namespace that process `pid` is in. @throws ENOENT when it is gone */
export const openNetworkNamespaceOf = (pid: number): number => openSync(`/proc/${pid}/ns/net`, 'r');

/**
 * Makes a network namespace, runs `prepare` inside of it, and comes back. It lives as long as the returned descriptor
 * or a process in it: nothing is mounted, so nothing can be left over. One synchronous block: no await inside.
 * Takes about a millisecond.
 */
export function createNetworkNamespace(prepare: () => void): number {
  return away(() => {
    check('unshare', unshare(CLONE_NEWNET), 'network');
    const created = openSync(OWN, 'r');
    try {
      prepare();
    } catch (error) {
      closeSync(created);
      throw error;
    }
    return created;
  });
}

/** Runs `work` in the network namespace `fd` and comes back; only this thread moves. No await inside. */
export function inNetworkNamespace<Result>(fd: number, work: () => Result): Result {
  return away(() => {
    check('setns', setns(fd, CLONE_NEWNET), 'network');
    return work();
  });
}

function away<Result>(work: () => Result): Result {
  const home = openSync(OWN, 'r');
  try {
    return work();
  } finally {
    if (setns(home, CLONE_NEWNET) === -1) process.abort(); // a thread lost in a container's network serves nobody
    closeSync(home);
  }
}
