import { closeSync, openSync } from 'node:fs';
import { CLONE_PARENT, forkProcess } from '../syscalls/clone.ts';
import { receiveDescriptor, sendDescriptor } from '../syscalls/descriptor-passing.ts';
import { closeFd } from '../syscalls/file.ts';
import { setns, unshare } from '../syscalls/namespace.ts';
import { CLONE_NEWPID } from '../syscalls/namespace-flags.ts';
import { blockSignals, exitNow, resetSignals, setSignalMask, setUmask, socketPair } from '../syscalls/process.ts';
import { prepareVfork, vforkSibling } from '../syscalls/vfork.ts';
import { type Expected, runChild, runForkedChild } from './child.ts';
import { findWakers, leaveDescriptors } from './descriptors.ts';
import { rehearseExec } from './rehearsal.ts';

/**
 * A child of the keeper from which those come that wait for a launch, or for an exec; the keeper is their parent. After a
 * fork each page costs a fault that is written to; the keeper, who has much to do while a container starts and ends, has its
 * own to itself this way. The zygote has nothing else open than the way to the keeper, and ends with it.
 */
export class Zygote {
  readonly #expected: Expected;
  #socket = -1;

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  /** A child that waits for an order on `childEnd`, and says who it is there. @throws SyscallError */
  bear(childEnd: number): void {
    if (this.#socket === -1) this.#socket = forkZygote(this.#expected);
    try {
      sendDescriptor(this.#socket, childEnd, this.#expected);
    } catch {
      this.close(); // somebody has killed it
      this.#socket = forkZygote(this.#expected);
      sendDescriptor(this.#socket, childEnd, this.#expected);
    }
  }

  close(): void {
    if (this.#socket !== -1) closeSync(this.#socket);
    this.#socket = -1;
  }
}

function forkZygote(expected: Expected): number {
  findWakers();
  prepareVfork();
  const [ours, its] = socketPair();
  const mask = blockSignals(); // for good, in the zygote
  try {
    const { pid, pidfd } = forkProcess(0);
    if (pid === 0) beZygote(its, expected);
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

function beZygote(keeper: number, expected: Expected): never {
  try {
    leaveDescriptors([keeper]);
    resetSignals();
    setUmask(0);
    const bear = expected === 'launch' ? siblings() : forks();
    for (let asked = receiveDescriptor(keeper); asked; asked = receiveDescriptor(keeper)) {
      try {
        bear(asked.fd);
      } catch {
        closeFd(asked.fd); // which the keeper sees
      }
    }
  } catch {
    // Whoever asks next finds nobody, and makes another.
  }
  exitNow(0);
  throw new Error('unreachable');
}

/**
 * Each goes on in the zygote's own memory until it is another program, in a PID namespace of its own, where nobody else is.
 * So nothing is copied for any, and what one has learned to do fast, the next one can.
 */
function siblings(): (report: number) => void {
  const own = openSync('/proc/self/ns/pid', 'r');
  return report => {
    unshare(CLONE_NEWPID);
    try {
      const pid = vforkSibling(report, report);
      runChild({ report, container: -1, task: { expected: 'launch', pid } });
    } finally {
      setns(own, CLONE_NEWPID); // the child's own can go with it
    }
  };
}

/** What enters a container shares no memory with what stays outside, see perform-rebirth.ts. */
function forks(): (report: number) => void {
  rehearseExec();
  return report => {
    const { pid, pidfd } = forkProcess(CLONE_PARENT);
    if (pid === 0) runForkedChild({ report, container: -1, task: { expected: 'exec' } });
    closeFd(pidfd);
    closeFd(report);
  };
}
