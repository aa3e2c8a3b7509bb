import { constants } from 'node:fs';
import { AT_FDCWD, closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { unshare } from '../syscalls/namespace.ts';
import { CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS } from '../syscalls/namespace-flags.ts';
import { exitNow, ownPid, pidfdOpen, readFd, sleepNow, writeFd } from '../syscalls/process.ts';
import { depart } from '../syscalls/vfork.ts';
import { type Ahead, begin, begunOtherwise, makeAhead, stepsLeft, usualStepsLeft } from './ahead.ts';
import { coversOf } from './covers.ts';
import { leaveDescriptors } from './descriptors.ts';
import { failure, toFailure } from './failure.ts';
import { perform } from './perform.ts';
import { becomeKnown } from './perform-rebirth.ts';
import { type ChildReport, type LaunchStep, type RootStep, stepSeparator, type WaitingReport } from './protocol.ts';

/** What the steps of one child share. */
export interface Child {
  /** Socket to the keeper. */
  readonly report: number;
  /** Pidfd of the container that an exec joins, or -1. */
  container: number;
  /** `struct sock_filter[]`. */
  filter: Buffer | undefined;
  /** The container's root, open as a path. */
  root: number;
  /** The three standard streams, to be put in their places at the end. */
  stdio: [number, number, number];
  /** See covers.ts; -1 until they are needed. */
  covers: number;
  /** What the child waits behind until it is started; -1 for none. */
  gate: number;
  /** Descriptors from the fourth on that the program inherits. */
  inherited: number;
  /** How many were opened by the step `offer`. */
  offered: number;
  /** Made while it waited. */
  ahead: Ahead | undefined;
  /** The texts of the steps that it has taken before its plan came. */
  begun: readonly string[];
  /** Mounts by their targets, see the step `hold`. */
  held: Map<string, number> | undefined;
  /** To be set when nothing more is allocated. */
  memoryLimits: Extract<LaunchStep, { op: 'limits' }>['limits'];
  /** What the step `user` has left of the bounding set. */
  bounding: bigint | undefined;
  /** False after a rebirth, until {@link becomeKnown}. */
  isKnown: boolean;
  /** A user namespace to be entered; -1 for none. */
  userNamespace: number;
  warn(message: string): void;
}

/** Most plans fit. In the keeper nothing touches it. */
const planBuffer = Buffer.alloc(64 << 10);

const lineFeed = 10;
const restMs = 3;

/** What a child is to do. */
export interface Order {
  plan: string;
  /** `CLONE_NEW…` bits that it was not born with. */
  unshare?: number;
  /** The pid of the container to be entered, for a child that was not born with a pidfd of it. */
  container?: number;
  inherited?: number;
  failAtStep?: number;
}

/** What a waiting child is told, a line each: how to begin, perhaps, and then what to do. */
export type Word = Order | { root: RootStep };

/** What a waiting child is there for. */
export type Expected = 'launch' | 'exec';

/**
 * Namespaces (`CLONE_NEW…` bits) that a waiting child has of its own: for a launch what nearly every container has. In the
 * one of PIDs it is from its birth.
 */
export const bornFor: Readonly<Record<Expected, number>> = {
  launch: CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
  exec: 0,
};

/** An order, or what kind of order will come, and as whom the parent knows the child, if not by its own pid. */
export type Task = Order | { expected: Expected; pid?: number };

/** One that has done nothing yet. */
export const newChild = (report: number, container = -1, inherited = 0): Child => ({
  report,
  container,
  root: -1,
  filter: undefined,
  stdio: [0, 1, 2],
  covers: -1,
  gate: -1,
  inherited,
  offered: 0,
  ahead: undefined,
  begun: [],
  held: undefined,
  memoryLimits: [],
  bounding: undefined,
  isKnown: true,
  userNamespace: -1,
  warn: message => say(report, { warning: message }),
});

/**
 * The life of a child. Its first act is to let go of everything that others hold; then it reads its plan, which the keeper
 * never does. Without an order it waits for one. Returns only in the process that has borne it, if it has been borne as
 * {@link vforkSibling}, once it has ended or is another program.
 */
export function runChild({ report, container, task }: { report: number; container: number; task: Task }): void {
  try {
    const inheritedCount = 'plan' in task ? (task.inherited ?? 0) : 0;
    const inherited = Array.from({ length: inheritedCount }, (_, index) => 3 + index);
    leaveDescriptors([report, container, ...inherited]);
    const child = newChild(report, container, inheritedCount);
    const order = 'plan' in task ? task : waitForOrder(child, task);
    if (order && follow(child, order)) return;
  } catch (error) {
    trySay(report, { failure: toFailure('prepare', error) });
  }
  depart(127);
}

/**
 * The same in a fork, from which nothing returns. One that has borne another rests before it takes down its memory: that
 * one's program and those who wait for it want the processors.
 */
export function runForkedChild(child: Parameters<typeof runChild>[0]): never {
  runChild(child);
  sleepNow(restMs);
  exitNow(0);
  throw new Error('unreachable');
}

/** False when it has failed, and has said so; true only in the process that has borne this one. */
function follow(child: Child, order: Order): boolean {
  if (order.container !== undefined) child.container = pidfdOpen(order.container);
  if (order.unshare) unshare(child.begun.length > 0 ? order.unshare & ~CLONE_NEWNS : order.unshare);
  const { texts, filter } = readPlan(order.plan);
  child.filter = filter;
  // Whoever counts steps counts those that are done.
  const usual = order.failAtStep === undefined ? usualStepsLeft(child, texts) : undefined;
  const steps = usual ?? stepsLeft(child, texts);
  if (steps) return runSteps(child, steps, order.failAtStep);
  trySay(child.report, { failure: failure(begunOtherwise, 'EAGAIN', '', 'the plan has another beginning') });
  return false;
}

/** See {@link StartMessage.plan}. */
function readPlan(path: string): { texts: string[]; filter: Buffer } {
  const bytes = readWhole(path);
  const end = bytes.indexOf(lineFeed);
  return { texts: bytes.toString('utf8', 1, end - 1).split(stepSeparator), filter: bytes.subarray(end + 1) };
}

function readWhole(path: string): Buffer {
  const fd = openAt2(AT_FDCWD, toBytes(path), constants.O_RDONLY, 0);
  let length = readFd(fd, planBuffer);
  let whole = planBuffer.subarray(0, length);
  while (length === planBuffer.length) {
    const more = Buffer.alloc(planBuffer.length);
    length = readFd(fd, more);
    whole = Buffer.concat([whole, more.subarray(0, length)]);
  }
  closeFd(fd);
  return whole;
}

/** Nothing comes back when it cannot even begin, which it has said then. @throws Error when the keeper has gone */
function waitForOrder(
  child: Child,
  { expected, pid = ownPid() }: Extract<Task, { expected: Expected }>,
): Order | undefined {
  const own = bornFor[expected] & ~CLONE_NEWPID;
  if (own !== 0) unshare(own);
  say(child.report, { waiting: pid });
  coversOf(child); // the same for every container
  if (expected === 'launch') child.ahead = makeAhead(child);
  const hear = listener(child.report);
  for (let word = hear(); ; word = hear()) {
    if ('plan' in word) return word;
    try {
      begin(child, word.root);
    } catch (error) {
      trySay(child.report, { failure: toFailure(begunOtherwise, error) }); // another will fail at a step of the plan
      return undefined;
    }
  }
}

function listener(report: number): () => Word {
  const buffer = Buffer.alloc(16 << 10);
  let heard = '';
  return () => {
    while (!heard.includes('\n')) {
      const length = readFd(report, buffer);
      if (length === 0) throw new Error('the keeper has gone');
      heard += buffer.toString('utf8', 0, length);
    }
    const end = heard.indexOf('\n');
    const word = JSON.parse(heard.slice(0, end)) as Word;
    heard = heard.slice(end + 1);
    return word;
  };
}

/** Steps that say nothing to the keeper, or only when all is ready, and can go on while it takes note of a rebirth. */
const unheard = new Set<LaunchStep['op']>(['newSession', 'apparmor', 'limits', 'user', 'execve']);

/** As {@link follow}: the last step becomes the program. */
function runSteps(child: Child, steps: (LaunchStep | undefined)[], failAtStep: number | undefined): boolean {
  for (const [index, step] of steps.entries()) {
    try {
      if (index === failAtStep) throw Object.assign(new Error('asked to fail'), { code: 'EINJECTED' });
      if (!step) continue;
      if (!unheard.has(step.op)) becomeKnown(child);
      perform(child, step);
    } catch (error) {
      trySay(child.report, { failure: toFailure(step?.op ?? 'ahead', error) });
      becomeKnown(child);
      return false;
    }
  }
  return true;
}

/** Tells the keeper; blocks until it is written. */
export function say(report: number, message: ChildReport | WaitingReport): void {
  writeFd(report, Buffer.from(`${JSON.stringify(message)}\n`));
}

function trySay(report: number, message: ChildReport): void {
  try {
    say(report, message);
  } catch {
    // The keeper is gone: there is nobody to tell.
  }
}
