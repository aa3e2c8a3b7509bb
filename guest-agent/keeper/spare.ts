import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLONE_NEWNET, CLONE_NEWNS } from '../syscalls/namespace-flags.ts';
import { pidfdOpen, pidfdSendSignal, waitForChild, writeFd } from '../syscalls/process.ts';
import { bornFor, type Expected, type Order, type Word } from './child.ts';
import { bearWaiting, type ForkedChild, type WaitingChild } from './fork.ts';
import type { Held } from './held.ts';
import { onLines } from './lines.ts';
import type { RootStep, StartMessage, WaitingReport } from './protocol.ts';
import { Zygote } from './zygote.ts';

/** What a waiting child can still take; the mount namespace last, so that it has the mounts of that moment. */
const takenLater = CLONE_NEWNS | CLONE_NEWNET;
/** Making one takes CPUs from whatever is under way; who wants one meanwhile has it made. */
const quietMs = 20;
/** A child is there within a few milliseconds, or not soon: one before it may be held up by a mount. */
const patienceMs = 50;
/** The keeper must never wait for a zygote: what that one is asked for fits the way there. */
const mostComing = 16;
/** Whoever has been told of an end wants the processor first. */
const afterEndMs = 1;
const SIGKILL = 9;

/** One that has not said yet who it is can neither be held nor, when what it has begun is not wanted, be seen to be gone. */
interface UnknownChild extends WaitingChild {
  /** Resolves when it has said so; undefined when it has gone before. */
  known: Promise<ForkedChild | undefined>;
}

/** One child that was forked ahead of time and waits for its plan: a start then costs no fork and few page faults. */
class Spare {
  readonly #expected: Expected;
  readonly #zygote: Zygote;
  #unknown: UnknownChild | undefined;
  #child: ForkedChild | undefined;
  /** How many were asked for and have not been heard of. */
  #coming = 0;
  /** Whose launch the child has begun. */
  #promised: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(expected: Expected) {
    this.#expected = expected;
    this.#zygote = new Zygote(expected);
  }

  /**
   * The waiting child, told what to do, when it can do it; otherwise the caller forks. `container` is the pid of the one
   * to be entered: the caller makes sure that it was nobody else's when the child is reborn in it.
   */
  async take(message: StartMessage, container?: number): Promise<ForkedChild | undefined> {
    const isOthers = this.#promised !== undefined && this.#promised !== message.id;
    if (isOthers) return undefined;
    const { cloneFlags, cgroup, pidNamespace } = message;
    const suits = (cloneFlags & ~takenLater) === bornFor[this.#expected] && !cgroup && !pidNamespace;
    if (!suits) {
      this.withdraw(message.id);
      return undefined;
    }
    const child = this.#takeKnown() ?? (await this.#takeUnknown());
    return child && this.#order(child, message, container);
  }

  #takeKnown(): ForkedChild | undefined {
    const child = this.#child;
    this.#child = undefined;
    this.#promised = undefined;
    return child;
  }

  /** One that is on its way comes sooner than another that is forked now, unless its zygote is held up. */
  async #takeUnknown(): Promise<ForkedChild | undefined> {
    this.refill();
    const coming = this.#unknown;
    if (!coming) return undefined;
    this.#unknown = undefined;
    const child = await Promise.race([coming.known, sleep(patienceMs, undefined)]);
    if (!child) this.#await(coming);
    return child;
  }

  #order(child: ForkedChild, message: StartMessage, container: number | undefined): ForkedChild | undefined {
    const { cloneFlags, plan, failAtStep } = message;
    try {
      const order: Order = {
        plan,
        unshare: cloneFlags & takenLater,
        ...(container === undefined ? {} : { container }),
        ...(failAtStep === undefined ? {} : { failAtStep }),
      };
      tell(child, order);
      return child;
    } catch {
      this.#discard(child);
      return undefined;
    }
  }

  /** Lets the waiting child begin with the launch of `id`, whose it is from now on. */
  begin(id: string, root: RootStep): void {
    if (!this.#child || this.#promised !== undefined) return;
    this.#promised = id;
    try {
      tell(this.#child, { root });
    } catch {
      this.withdraw(id);
    }
  }

  /** Nobody will start `id`, or whatever it was, for which the child has begun. */
  withdraw(id = this.#promised): void {
    if (!this.#child || this.#promised === undefined || this.#promised !== id) return;
    this.#discard(this.#child);
    this.#child = undefined;
    this.#promised = undefined;
    this.refillWhenQuiet();
  }

  /** Forks the next one once nothing has begun or ended for a while. */
  refillWhenQuiet(): void {
    clearTimeout(this.#timer);
    if (this.#isFull || this.#closed) return;
    this.#timer = setTimeout(() => this.refill(), quietMs);
  }

  /** Forks the next one, when there is none. */
  refill(): void {
    clearTimeout(this.#timer);
    if (this.#isFull || this.#closed || this.#coming >= mostComing) return;
    try {
      const child = bearWaiting(this.#zygote);
      this.#coming++;
      const known = introduced(child).finally(() => this.#coming--);
      this.#await({ ...child, known });
    } catch {
      // Then launches fork for themselves, and say what is wrong.
    }
  }

  get #isFull(): boolean {
    return this.#unknown !== undefined || this.#child !== undefined;
  }

  /** Whoever asks next has it, if there is no other. */
  #await(coming: UnknownChild): void {
    const isWanted = !this.#isFull && !this.#closed;
    if (isWanted) this.#unknown = coming;
    void coming.known.then(child => {
      if (this.#unknown === coming) {
        this.#unknown = undefined;
        this.#child = child;
      } else if (!isWanted && child) dismiss(child);
    });
  }

  /** True when `pid` was the waiting child, which somebody has killed. */
  forget(pid: number): boolean {
    if (this.#child?.pid !== pid) return false;
    this.#letGo(this.#child);
    this.#child = undefined;
    this.#promised = undefined;
    return true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closed = true;
    this.#unknown?.socket.destroy();
    if (this.#child) this.#discard(this.#child);
    this.#unknown = undefined;
    this.#child = undefined;
    this.#zygote.close();
  }

  #discard(child: ForkedChild): void {
    pidfdSendSignal(child.pidfd, SIGKILL);
    waitForChild(child.pid);
    this.#letGo(child);
  }

  /** The zygote ends with one that was killed in its memory: it is not to be asked again meanwhile. */
  #letGo(child: ForkedChild): void {
    dismiss(child);
    this.#zygote.close();
  }
}

/** Listens to the child until it has said who it is. */
function introduced(child: WaitingChild): UnknownChild['known'] {
  const { promise, resolve } = Promise.withResolvers<ForkedChild | undefined>();
  const stop = onLines(child.socket, line => {
    stop();
    const { waiting } = JSON.parse(line) as WaitingReport;
    try {
      resolve({ ...child, pid: waiting, pidfd: pidfdOpen(waiting) });
    } catch {
      child.socket.destroy(); // somebody has killed it
    }
  });
  child.socket.once('close', () => resolve(undefined)); // there could be none
  return promise;
}

/** It ends when it finds that nobody is there. */
function dismiss({ socket, pidfd }: ForkedChild): void {
  socket.destroy();
  closeSync(pidfd);
}

function tell(child: ForkedChild, word: Word): void {
  writeFd(child.report, Buffer.from(`${JSON.stringify(word)}\n`));
}

/** The keeper's two: one becomes a container, the other, born with nothing of its own, enters one. */
export class Spares {
  readonly #launch = new Spare('launch');
  readonly #exec = new Spare('exec');
  readonly #all = [this.#launch, this.#exec];

  /** A child for `message`, told what to do. `container` is whom an exec enters. */
  async take(message: StartMessage, container: Held | undefined): Promise<ForkedChild | undefined> {
    if (!container) return this.#launch.take(message);
    // The number of one that nobody here reaps may be another's by now.
    return container.adopted ? undefined : this.#exec.take(message, container.pid);
  }

  /** The launch of `id` is under way. */
  begin(id: string, root: RootStep): void {
    this.#launch.begin(id, root);
  }

  /** Nobody will start `id`, or whatever was begun. */
  withdraw(id?: string): void {
    this.#launch.withdraw(id);
  }

  /** Something has begun or ended. */
  refillWhenQuiet(): void {
    this.#launch.refillWhenQuiet();
  }

  /**
   * A container has ended, and whoever waited for that has been told. Who runs one soon runs another: at once, unless other
   * children are under way.
   */
  launchOver(busy: boolean): void {
    if (busy) this.#launch.refillWhenQuiet();
    else setTimeout(() => this.#launch.refill(), afterEndMs);
  }

  /** The engine has been told of the end of a program in a container. Copying the zygote takes so long that it begins now. */
  execOver(busy: boolean): void {
    if (busy) this.#exec.refillWhenQuiet();
    else setImmediate(() => this.#exec.refill());
  }

  /** True when `pid` was a waiting child, which somebody has killed. */
  forget(pid: number): boolean {
    return this.#all.some(spare => spare.forget(pid));
  }

  close(): void {
    for (const spare of this.#all) spare.close();
  }
}
