import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { type ForkResult, forkProcess, unforkableMappings } from '../syscalls/clone.ts';
import { setns } from '../syscalls/namespace.ts';
import { CLONE_NEWPID } from '../syscalls/namespace-flags.ts';
import { blockSignals, exitNow, resetSignals, setSignalMask, setUmask, socketPair } from '../syscalls/process.ts';
import { prepareVfork } from '../syscalls/vfork.ts';
import { runForkedChild, type Task } from './child.ts';
import { findWakers, leaveDescriptors } from './descriptors.ts';
import type { StartMessage } from './protocol.ts';
import type { Zygote } from './zygote.ts';

/** A child on its way to execve. */
export interface ForkedChild extends WaitingChild {
  pid: number;
  pidfd: number;
}

/** One of which it is not known yet who it is. `report` is the descriptor of `socket`, the keeper's end of what connects them. */
export interface WaitingChild {
  report: number;
  socket: Socket;
}

/** The keeper's own, to come back to: joining another changes only where its children are born. setns(2) */
let ownPidNamespace = -1;

/** Forks the keeper for `message`; only the parent returns. `container` is the pidfd of the container that an exec joins. */
export function forkChild(message: StartMessage, container: number | undefined): ForkedChild {
  const cgroup = message.cgroup === undefined ? undefined : openSync(message.cgroup, 'r');
  const { plan, inherited, failAtStep } = message;
  const order = { plan, inherited, ...(failAtStep === undefined ? {} : { failAtStep }) };
  try {
    return fork(
      () => {
        enterPidNamespace(message);
        return forkProcess(message.cloneFlags, cgroup);
      },
      { container: container ?? -1, task: order },
    );
  } finally {
    if (cgroup !== undefined) closeSync(cgroup);
  }
}

/** A child of the zygote's that waits for its order on its socket, once it has said there who it is. */
export function bearWaiting(zygote: Zygote): WaitingChild {
  const [report, childEnd] = socketPair();
  try {
    zygote.bear(childEnd);
    return { report, socket: connect(report) };
  } catch (error) {
    closeSync(report);
    throw error;
  } finally {
    closeSync(childEnd);
  }
}

function connect(report: number): Socket {
  const socket = new Socket({ fd: report, readable: true, writable: true, allowHalfOpen: true });
  socket.on('error', () => undefined); // its end says enough
  socket.on('end', () => setImmediate(() => socket.destroy())); // whoever waits for that goes first
  return socket;
}

/** All signals are blocked in between, for in the child libuv's handler would write into the pipe that both share. */
function fork(born: () => ForkResult, child: { container: number; task: Task }): ForkedChild {
  findWakers();
  prepareVfork();
  const [report, childEnd] = socketPair();
  const mask = blockSignals();
  try {
    const { pid, pidfd } = born();
    if (pid === 0) {
      resetSignals(); // they are blocked until the last moment
      setUmask(0);
      runForkedChild({ report: childEnd, ...child });
    }
    return { pid, pidfd, report, socket: connect(report) };
  } catch (error) {
    closeSync(report);
    throw error;
  } finally {
    if (ownPidNamespace !== -1) setns(ownPidNamespace, CLONE_NEWPID);
    setSignalMask(mask);
    closeSync(childEnd);
  }
}

function enterPidNamespace({ pidNamespace }: StartMessage): void {
  if (pidNamespace === undefined) return;
  if (ownPidNamespace === -1) ownPidNamespace = openSync('/proc/self/ns/pid', 'r');
  const namespace = openSync(pidNamespace, 'r');
  try {
    setns(namespace, CLONE_NEWPID, pidNamespace);
  } finally {
    closeSync(namespace);
  }
}

const { SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGSEGV } = constants.signals;
const crashSignals: ReadonlySet<number | undefined> = new Set([SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGSEGV]);

/** Whether a child that ended by this signal may do better in a second attempt: forked children of Node crash once in a great while. */
export const isCrash = (signal: number | undefined): boolean => crashSignals.has(signal);

export const canaryExitCode = 42;

/**
 * Forks a child that allocates through many garbage collections: whether this Node on this kernel can do what the
 * keeper lives from. Gives its pid, or says what is wrong already.
 */
export function forkCanary(): number | string {
  findWakers();
  const missing = unforkableMappings();
  if (missing > 0) return `${missing} mappings of memory would be missing in a child`;
  const mask = blockSignals();
  try {
    const { pid, pidfd } = forkProcess(0);
    if (pid === 0) {
      leaveDescriptors([]);
      let kept: number[][] = [];
      for (let round = 0; round < 20_000; round++) {
        if (round % 1000 === 0) kept = [];
        kept.push(new Array<number>(100).fill(round));
      }
      exitNow(kept.length > 0 ? canaryExitCode : 1);
    }
    closeSync(pidfd);
    return pid;
  } finally {
    setSignalMask(mask);
  }
}
