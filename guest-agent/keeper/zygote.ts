import { closeSync } from 'node:fs';
import { CLONE_PARENT, forkProcess } from '../syscalls/clone.ts';
import { receiveDescriptor, sendDescriptor } from '../syscalls/descriptor-passing.ts';
import { blockSignals, exitNow, setSignalMask, socketPair } from '../syscalls/process.ts';
import { prepareVfork } from '../syscalls/vfork.ts';
import { runChild } from './child.ts';
import { findWakers, leaveDescriptors } from './descriptors.ts';
import type { Expected } from './rehearsal.ts';

/**
 * A child of the keeper that forks the children which wait. After a fork each page costs a fault that is written to; the
 * keeper, who has much to do while a container starts and ends, has its own to itself this way, and does not stand still
 * while they are marked. The zygote has nothing else open than the way to the keeper, and ends with it.
 */
export class Zygote {
  #socket = -1;

  /** Forks a child that waits for an order on `childEnd`, and says who it is there; the keeper is its parent. @throws SyscallError */
  fork(expected: Expected, childEnd: number): void {
    if (this.#socket === -1) this.#socket = forkZygote();
    try {
      sendDescriptor(this.#socket, childEnd, expected);
    } catch {
      this.close(); // somebody has killed it
      this.#socket = forkZygote();
      sendDescriptor(this.#socket, childEnd, expected);
    }
  }

  close(): void {
    if (this.#socket !== -1) closeSync(this.#socket);
    this.#socket = -1;
  }
}

function forkZygote(): number {
  findWakers();
  prepareVfork();
  const [ours, its] = socketPair();
  const mask = blockSignals(); // for good, in the zygote
  try {
    const { pid, pidfd } = forkProcess(0);
    if (pid === 0) beZygote(its);
    closeSync(pidfd);
    return ours;
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    setSignalMask(mask);
    closeSync(its);
  }
}

function beZygote(keeper: number): never {
  try {
    leaveDescriptors([keeper]);
    for (let asked = receiveDescriptor(keeper); asked; asked = receiveDescriptor(keeper)) forkFor(asked);
  } catch {
    // Whoever asks next finds nobody, and makes another.
  }
  exitNow(0);
  throw new Error('unreachable');
}

/** When there can be none, the keeper sees its end of the socket close. */
function forkFor({ fd, text }: { fd: number; text: string }): void {
  try {
    const { pid, pidfd } = forkProcess(CLONE_PARENT);
    if (pid === 0) runChild({ report: fd, container: -1, task: { expected: text as Expected } });
    closeSync(pidfd);
  } finally {
    closeSync(fd);
  }
}
