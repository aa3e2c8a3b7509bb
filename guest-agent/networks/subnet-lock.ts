import { isSyscallError } from '../syscalls/libc.ts';
import { AF_UNIX, abstractAddress, bindSocket, closeDescriptor, openSocket, SOCK_DGRAM } from '../syscalls/socket.ts';

const name = 'berth-subnets';
const patienceMs = 3000;
const pauseMs = 3;

/**
 * Runs `work` while no other engine of this network namespace chooses a subnet: between looking at the routes and
 * having a bridge there must be nobody else. The lock is a name that the kernel gives to one socket; it cannot be left over.
 * Who waits in vain goes on: a clash is unlikely, an engine that does not start is worse.
 */
export function alone<Result>(work: () => Result): Result {
  const fd = openSocket(AF_UNIX, SOCK_DGRAM);
  try {
    waitForName(fd);
    return work();
  } finally {
    closeDescriptor(fd);
  }
}

function waitForName(fd: number): void {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      bindSocket(fd, abstractAddress(name), name);
      return;
    } catch (error) {
      if (!isSyscallError(error, 'EADDRINUSE')) throw error;
      if (Date.now() > deadline) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    }
  }
}
