import { constants } from 'node:fs';
import { AT_FDCWD, closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { unshare } from '../syscalls/namespace.ts';
import { CLONE_NEWNS } from '../syscalls/namespace-flags.ts';
import { exitNow, ownPid, pidfdOpen, readFd, resetSignals, setUmask, writeFd } from '../syscalls/process.ts';
import { vforkSibling } from '../syscalls/vfork.ts';
import { type Ahead, begin, begunOtherwise, stepsLeft, usualStepsLeft } from './ahead.ts';
import { leaveDescriptors } from './descriptors.ts';
import { failure, toFailure } from './failure.ts';
import { perform } from './perform.ts';
import { becomeKnown } from './perform-rebirth.ts';
import { type ChildReport, type LaunchStep, type RootStep, stepSeparator, type WaitingReport } from './protocol.ts';
import { bornFor, type Expected, rehearse } from './rehearsal.ts';

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
  /** False after a rebirth, until {@link becomeKnown}. */
  isKnown: boolean;
  /** A user namespace to be entered; -1 for none. */
  userNamespace: number;
  warn(message: string): void;
}

/** Most plans fit. In the keeper nothing touches it. */
const planBuffer = Buffer.alloc(64 << 10);

const lineFeed = 10;

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

/** An order, or what kind of order will come. */
export type Task = Order | { expected: Expected };

/**
 * The life of the forked child: it never returns. Its first act is to let go of everything that the keeper holds for
 * others; then it reads its plan, which the keeper never does. Without an order it waits for one.
 */
export function runChild({ report, container, task }: { report: number; container: number; task: Task }): void {
  try {
    const inheritedCount = 'plan' in task ? (task.inherited ?? 0) : 0;
    const inherited = Array.from({ length: inheritedCount }, (_, index) => 3 + index);
    leaveDescriptors([report, container, ...inherited]);
    resetSignals(); // they are blocked until the last moment
    setUmask(0);
    const child: Child = {
      report,
      container,
      root: -1,
      filter: undefined,
      stdio: [0, 1, 2],
      covers: -1,
      gate: -1,
      inherited: inheritedCount,
      offered: 0,
      ahead: undefined,
      begun: [],
      held: undefined,
      memoryLimits: [],
      isKnown: true,
      userNamespace: -1,
      warn: message => say(report, { warning: message }),
    };
    const order = 'plan' in task ? task : waitForOrder(child, task.expected);
    if (order.container !== undefined) child.container = pidfdOpen(order.container);
    if (order.unshare) unshare(child.begun.length > 0 ? order.unshare & ~CLONE_NEWNS : order.unshare);
    const { texts, filter } = readPlan(order.plan);
    child.filter = filter;
    // Whoever counts steps counts those that are done.
    const usual = order.failAtStep === undefined ? usualStepsLeft(child, texts) : undefined;
    const steps = usual ?? stepsLeft(child, texts);
    if (steps) runSteps(child, steps, order.failAtStep);
    else trySay(report, { failure: failure(begunOtherwise, 'EAGAIN', '', 'the plan has another beginning') });
  } catch (error) {
    trySay(report, { failure: toFailure('prepare', error) });
  }
  exitNow(127);
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

function waitForOrder(child: Child, expected: Expected): Order {
  if (bornFor[expected] !== 0) unshare(bornFor[expected]);
  say(child.report, { waiting: bornFor[expected] === 0 ? ownPid() : vforkSibling() });
  child.ahead = rehearse(child, expected);
  planBuffer.fill(0);
  const hear = listener(child.report);
  for (let word = hear(); ; word = hear()) {
    if ('plan' in word) return word;
    try {
      begin(child, word.root);
    } catch (error) {
      trySay(child.report, { failure: toFailure(begunOtherwise, error) }); // another will fail at a step of the plan
      exitNow(127);
    }
  }
}

function listener(report: number): () => Word {
  const buffer = Buffer.alloc(16 << 10);
  let heard = '';
  return () => {
    while (!heard.includes('\n')) {
      const length = readFd(report, buffer);
      if (length === 0) exitNow(0); // the keeper has gone
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

function runSteps(child: Child, steps: (LaunchStep | undefined)[], failAtStep: number | undefined): void {
  for (const [index, step] of steps.entries()) {
    try {
      if (index === failAtStep) throw Object.assign(new Error('asked to fail'), { code: 'EINJECTED' });
      if (!step) continue;
      if (!unheard.has(step.op)) becomeKnown(child);
      perform(child, step);
    } catch (error) {
      trySay(child.report, { failure: toFailure(step?.op ?? 'ahead', error) });
      becomeKnown(child);
      return;
    }
  }
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
