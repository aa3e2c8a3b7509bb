import { closeSync } from 'node:fs';
import { CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS } from '../syscalls/namespace-flags.ts';
import { pidfdSendSignal, waitForChild, writeFd } from '../syscalls/process.ts';
import { type ForkedChild, forkWaiting } from './fork.ts';
import type { StartMessage } from './protocol.ts';

/** What nearly every container has of its own. */
const bornWith = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
/** What a waiting child can still take; the mount namespace last, so that it has the mounts of that moment. */
const takenLater = CLONE_NEWNS | CLONE_NEWNET;
/** A fork and the rehearsal take CPUs from whatever is under way; while much is, launches may as well fork for themselves. */
const quietMs = 20;
const SIGKILL = 9;

/** One child that was forked ahead of time and waits for its plan: a launch then costs no fork and few page faults. */
export class Spare {
  #child: ForkedChild | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** The waiting child, told what to do, when it can do it; otherwise the caller forks. */
  take(message: StartMessage): ForkedChild | undefined {
    const child = this.#child;
    const { cloneFlags, cgroup, container, pidNamespace, plan, failAtStep } = message;
    const suits = (cloneFlags & ~takenLater) === bornWith && !cgroup && !container && !pidNamespace;
    if (!child || !suits) return undefined;
    this.#child = undefined;
    try {
      const order = { plan, unshare: cloneFlags & takenLater, ...(failAtStep === undefined ? {} : { failAtStep }) };
      writeFd(child.report, Buffer.from(JSON.stringify(order)));
      return child;
    } catch {
      this.#discard(child);
      return undefined;
    }
  }

  /** Forks the next one once nothing has begun or ended for a while. */
  refillWhenQuiet(): void {
    clearTimeout(this.#timer);
    if (this.#child || this.#closed) return;
    this.#timer = setTimeout(() => this.refill(), quietMs);
  }

  /** Forks the next one, when there is none. */
  refill(): void {
    clearTimeout(this.#timer);
    if (this.#child || this.#closed) return;
    try {
      this.#child = forkWaiting(bornWith);
    } catch {
      // Then launches fork for themselves, and say what is wrong.
    }
  }

  /** True when `pid` was the waiting child, which somebody has killed. */
  forget(pid: number): boolean {
    if (this.#child?.pid !== pid) return false;
    this.#child.socket.destroy();
    closeSync(this.#child.pidfd);
    this.#child = undefined;
    return true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closed = true;
    if (this.#child) this.#discard(this.#child);
    this.#child = undefined;
  }

  #discard(child: ForkedChild): void {
    pidfdSendSignal(child.pidfd, SIGKILL);
    waitForChild(child.pid);
    child.socket.destroy();
    closeSync(child.pidfd);
  }
}
