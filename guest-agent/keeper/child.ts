import { constants } from 'node:fs';
import { errnoName } from '../syscalls/errno.ts';
import { AT_FDCWD, closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { unshare } from '../syscalls/namespace.ts';
import { exitNow, readFd, resetSignals, setUmask, writeFd } from '../syscalls/process.ts';
import { leaveDescriptors } from './descriptors.ts';
import { perform } from './perform.ts';
import type { ChildReport, LaunchFailure, LaunchStep } from './protocol.ts';
import { rehearse } from './rehearsal.ts';

/** What the steps of one child share. */
export interface Child {
  /** Socket to the keeper. */
  readonly report: number;
  /** Pidfd of the container that an exec joins, or -1. */
  readonly container: number;
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
  /** Mounts by their targets, see the step `hold`. */
  held: Map<string, number> | undefined;
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
  inherited?: number;
  failAtStep?: number;
}

/**
 * The life of the forked child: it never returns. Its first act is to let go of everything that the keeper holds for
 * others; then it reads its plan, which the keeper never does. Without an order it waits for one.
 */
export function runChild(options: { report: number; container: number; order?: Order }): void {
  const { report, container } = options;
  try {
    const inherited = Array.from({ length: options.order?.inherited ?? 0 }, (_, index) => 3 + index);
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
      inherited: options.order?.inherited ?? 0,
      held: undefined,
      userNamespace: -1,
      warn: message => say(report, { warning: message }),
    };
    const order = options.order ?? waitForOrder(child);
    if (order.unshare) unshare(order.unshare);
    const { steps, filter } = readPlan(order.plan);
    child.filter = filter;
    runSteps(child, steps, order.failAtStep);
  } catch (error) {
    trySay(report, { failure: toFailure('prepare', error) });
  }
  exitNow(127);
}

/** See {@link StartMessage.plan}. */
function readPlan(path: string): { steps: LaunchStep[]; filter: Buffer } {
  const bytes = readWhole(path);
  const end = bytes.indexOf(lineFeed);
  return { steps: JSON.parse(bytes.toString('utf8', 0, end)) as LaunchStep[], filter: bytes.subarray(end + 1) };
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

function waitForOrder(child: Child): Order {
  rehearse(child);
  planBuffer.fill(0);
  const buffer = Buffer.alloc(8192);
  const length = readFd(child.report, buffer);
  if (length === 0) exitNow(0); // the keeper has gone
  return JSON.parse(buffer.toString('utf8', 0, length)) as Order;
}

function runSteps(child: Child, steps: LaunchStep[], failAtStep: number | undefined): void {
  for (const [index, step] of steps.entries()) {
    try {
      if (index === failAtStep) throw Object.assign(new Error('asked to fail'), { code: 'EINJECTED' });
      perform(child, step);
    } catch (error) {
      trySay(child.report, { failure: toFailure(step.op, error) });
      return;
    }
  }
}

/** Tells the keeper; blocks until it is written. */
export function say(report: number, message: ChildReport): void {
  writeFd(report, Buffer.from(`${JSON.stringify(message)}\n`));
}

function trySay(report: number, message: ChildReport): void {
  try {
    say(report, message);
  } catch {
    // The keeper is gone: there is nobody to tell.
  }
}

function toFailure(step: string, error: unknown): LaunchFailure {
  if (isSyscallError(error)) return { step, code: error.code, subject: error.subject, detail: error.call };
  const { code, path, message, errno } = error as NodeJS.ErrnoException;
  const known = code ?? (errno === undefined ? 'EUNKNOWN' : errnoName(Math.abs(errno)));
  return { step, code: known, subject: path ?? '', detail: message ?? String(error) };
}
