import { constants } from 'node:fs';
import { forkProcess } from '../syscalls/clone.ts';
import { AT_FDCWD, closeFd, openAt2, toBytes } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import {
  closeOnExecFrom,
  duplicateTo,
  execve,
  exitNow,
  forgetBrokenPipe,
  nativeCommand,
  pidfdEnded,
  pidfdSendSignal,
  type ReapedChild,
  readFd,
  setSignalMask,
  socketPair,
  waitForChild,
  writeFd,
} from '../syscalls/process.ts';
import { type Child, say } from './child.ts';
import { assertExecutable, findProgram } from './perform-identity.ts';
import type { HooksStep, LaunchStep } from './protocol.ts';

type StepOf<Op extends LaunchStep['op']> = Extract<LaunchStep, { op: Op }>;

const SIGKILL = 9;
const longestPatienceMs = 24 * 3_600_000;

/** Until the other end of the report has done its part. @throws Error when it goes away instead */
export function pause(child: Child, reason: string): void {
  say(child.report, { paused: reason });
  if (readFd(child.report, Buffer.alloc(1)) !== 1) throw new Error('nobody is left to go on for');
}

/** For reading and writing, so that opening it waits for nobody and it never ends. fifo(7) */
export function openGate(child: Child, { path }: StepOf<'openGate'>): void {
  child.gate = openAt2(AT_FDCWD, toBytes(path), constants.O_RDWR, 0);
}

/** The specification's "created": nothing is left to be done but to become the program. @throws SyscallError when there is none */
export function awaitStart(child: Child, { program, env }: StepOf<'awaitStart'>): void {
  assertExecutable(findProgram(program, env));
  say(child.report, { created: true });
  readFd(child.gate, Buffer.alloc(1)); // which stays open, until the program takes over: whoever wrote sees it close
}

/** @throws Error with what the specification wants to be told, at the first hook that fails */
export function runHooks(child: Child, { name, hooks, state }: HooksStep): void {
  for (const [index, hook] of hooks.entries()) {
    const ended = runHook(hook, Buffer.from(JSON.stringify(state)), child.inherited);
    if (ended?.exitCode === 0) continue;
    const why = ended ? `exit status ${ended.exitCode}` : 'it took too long';
    throw Object.assign(new Error(`error running ${name} hook #${index}: ${why}`), { code: 'EHOOK', path: hook.path });
  }
}

function runHook(hook: HooksStep['hooks'][number], input: Buffer, inherited: number): ReapedChild | undefined {
  const [ours, theirs] = socketPair();
  const command = nativeCommand(hook.path, hook.args?.length ? hook.args : [hook.path], hook.env ?? []);
  const { pid, pidfd } = forkProcess(0);
  if (pid === 0) {
    duplicateTo(theirs, 0);
    closeOnExecFrom(3 + inherited);
    setSignalMask(Buffer.alloc(128));
    execve(command);
    exitNow(127);
  }
  closeFd(theirs);
  offer(ours, input);
  closeFd(ours);
  const inTime = pidfdEnded(pidfd, hook.timeout ? hook.timeout * 1000 : longestPatienceMs);
  if (!inTime) pidfdSendSignal(pidfd, SIGKILL);
  const ended = waitForChild(pid);
  closeFd(pidfd);
  return inTime ? ended : undefined;
}

/** A hook need not read what it is told. */
function offer(fd: number, input: Buffer): void {
  try {
    writeFd(fd, input);
  } catch (error) {
    if (!isSyscallError(error, 'EPIPE')) throw error;
    forgetBrokenPipe();
  }
}
