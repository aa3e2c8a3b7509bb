import { constants } from 'node:os';
import { isDirectory, isRegular, modeOfPath } from '../syscalls/file.ts';
import {
  becomeUser,
  boundingSet,
  capabilityBits,
  capabilityNames,
  forbidNewPrivileges,
  getCapabilities,
  keepCapabilities,
  limitBoundingSet,
  preparedCapabilities,
  preparedFilter,
  setAmbient,
  setCapabilities,
} from '../syscalls/identity.ts';
import { isSyscallError, SyscallError } from '../syscalls/libc.ts';
import {
  changeDirectory,
  closeOnExecFrom,
  currentDirectory,
  duplicate,
  duplicateTo,
  executeAccess,
  forgetBrokenPipe,
  getLimit,
  keepOnExec,
  nativeCommand,
  setLimit,
  setSignalMask,
  setUmask,
  writeFd,
} from '../syscalls/process.ts';
import { becomeProgram, depart } from '../syscalls/vfork.ts';
import { type Child, say } from './child.ts';
import { becomeKnown } from './perform-rebirth.ts';
import { type ExecveStep, firstOffered, type LaunchStep } from './protocol.ts';

type StepOf<Op extends LaunchStep['op']> = Extract<LaunchStep, { op: Op }>;
const { ENOENT, EACCES, EISDIR } = constants.errno;

const unlimited = (limit: number): number => (limit < 0 ? Number.POSITIVE_INFINITY : limit);

type Limits = StepOf<'limits'>['limits'];

/** Under these Node's heap, which is in the child still, cannot grow. */
const ofMemory = new Set(['RLIMIT_AS', 'RLIMIT_DATA']);

/** Those of memory wait for the last moment. */
export function limitResources(child: Child, { limits }: StepOf<'limits'>): void {
  child.memoryLimits = limits.filter(({ name }) => ofMemory.has(name));
  setLimits(
    child,
    limits.filter(({ name }) => !ofMemory.has(name)),
  );
}

/** A limit above the hard one needs CAP_SYS_RESOURCE; without it the hard one has to do. setrlimit(2) */
function setLimits(child: Child, limits: Limits): void {
  for (const { name, resource, soft, hard } of limits) {
    try {
      setLimit(resource, { soft, hard });
    } catch (error) {
      if (!isSyscallError(error, 'EPERM')) throw error;
      const now = getLimit(resource);
      const lower = (limit: number): number => (unlimited(limit) > unlimited(now.hard) ? now.hard : limit);
      setLimit(resource, { soft: lower(soft), hard: lower(hard) });
      child.warn(`${name} is ${now.hard} at most on this host`);
    }
  }
}

/** The bounding set, the working directory, and the user, who keeps root's capabilities until execve's step sets his own. */
export function becomeContainerUser(child: Child, step: StepOf<'user'>): void {
  const held = boundingSet();
  const wanted = capabilityBits(step.bounding);
  warnOfMissing(child, wanted & ~held);
  const early = tryChangeDirectory(step.cwd);
  child.bounding = limitBoundingSet(wanted);
  setUmask(step.umask);
  keepCapabilities(true);
  becomeUser(step.uid, step.gid, step.groups);
  keepCapabilities(false);
  const { permitted } = getCapabilities();
  setCapabilities({ effective: permitted, permitted, inheritable: 0n });
  if (!early) changeDirectory(step.cwd); // a folder that only the user may enter
  assertInsideRoot(step.cwd);
}

function warnOfMissing(child: Child, missing: bigint): void {
  if (missing === 0n) return;
  const names = capabilityNames.filter((_name, number) => (missing >> BigInt(number)) & 1n);
  child.warn(`not to be had on this host: ${names.join(' ')}`);
}

function tryChangeDirectory(path: string): boolean {
  try {
    changeDirectory(path);
    return true;
  } catch (error) {
    if (isSyscallError(error, 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

/** A working directory that a leaked descriptor led to is outside: the kernel says so. */
function assertInsideRoot(path: string): void {
  if (!currentDirectory().startsWith('/')) throw new SyscallError('getcwd', ENOENT, path);
}

/**
 * The end, after which only whoever has borne this process returns: whatever allocates comes first, then only prepared calls. Without no-new-privileges the filter needs
 * CAP_SYS_ADMIN, so it is loaded before the capabilities go; with it after, so that it need not allow capset(2).
 */
export function replaceProgram(child: Child, step: ExecveStep): void {
  const [name = ''] = step.args;
  const command = nativeCommand(findProgram(name, step.env), step.args, step.env);
  const lowerCapabilities = finalCapabilities(child, step);
  const loadFilter = step.filtered && child.filter ? preparedFilter(child.filter) : () => 0;
  const failed = failureRecord(name);
  setLimits(child, child.memoryLimits);
  becomeKnown(child);
  sayReady(child);
  if (step.noNewPrivileges) forbidNewPrivileges();
  takeStdio(child);
  closeOnExecFrom(3 + child.inherited);
  if (child.offered > 0) keepOnExec(firstOffered, child.offered);
  const [first, second] = step.noNewPrivileges ? [lowerCapabilities, loadFilter] : [loadFilter, lowerCapabilities];
  setSignalMask(Buffer.alloc(128));
  const errno = first() || second() || becomeProgram(command);
  if (errno === 0) return; // the process that has borne this one
  failed.text.writeUInt8(0x30 + Math.floor(errno / 100), failed.at);
  failed.text.writeUInt8(0x30 + (Math.floor(errno / 10) % 10), failed.at + 1);
  failed.text.writeUInt8(0x30 + (errno % 10), failed.at + 2);
  writeFd(child.report, failed.text);
  depart(127);
}

/** Behind a gate, whoever asked for the child may be gone by then. */
function sayReady(child: Child): void {
  try {
    say(child.report, { ready: true });
  } catch (error) {
    if (child.gate === -1) throw error;
    forgetBrokenPipe(); // else it would end the program, unless that is the first of its pid namespace
  }
}

function finalCapabilities({ bounding = boundingSet() }: Child, { capabilities }: ExecveStep): () => number {
  const { permitted } = getCapabilities();
  const bounded = permitted & bounding;
  const sets = {
    effective: capabilityBits(capabilities.effective) & bounded,
    permitted: capabilityBits(capabilities.permitted) & bounded,
    inheritable: capabilityBits(capabilities.inheritable) & bounded,
  };
  const ambient = capabilityBits(capabilities.ambient) & sets.permitted & sets.inheritable;
  if (ambient !== 0n) setCapabilities({ effective: permitted, permitted, inheritable: sets.inheritable });
  setAmbient(ambient);
  return preparedCapabilities(sets);
}

/** A line of JSON with three places for an errno's digits: nothing is allocated when they are filled in. */
function failureRecord(subject: string): { text: Buffer; at: number } {
  const text = Buffer.from(`{"step":"execve","subject":${JSON.stringify(subject)},"failedErrno":"000"}\n`);
  return { text, at: text.length - '000"}\n'.length };
}

function takeStdio(child: Child): void {
  const above = child.stdio.map(fd => (fd > 2 ? fd : duplicate(fd)));
  for (const [target, fd] of above.entries()) duplicateTo(fd, target);
  // A duplicate is not closed on exec, as Node has marked all that it was given.
  for (let fd = 3; fd < 3 + child.inherited; fd++) duplicateTo(duplicate(fd), fd);
}

/** Where execvp(3) would find `name`. @throws SyscallError ENOENT, or EACCES when there is one that may not be run */
export function findProgram(name: string, env: readonly string[]): string {
  if (name.includes('/')) return name;
  const path = env.findLast(entry => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  let denied = false;
  for (const directory of name === '' ? [] : path.split(':')) {
    const candidate = `${directory === '' ? '.' : directory}/${name}`;
    const errno = executeAccess(candidate);
    if (errno === 0 && isRegular(modeOfPath(candidate))) return candidate;
    if (errno === EACCES) denied = true;
  }
  throw new SyscallError('lookup', denied ? EACCES : ENOENT, name);
}

/** What execve(2) would find wrong with it, but for its contents. @throws SyscallError as Go's LookPath, which runc asks */
export function assertExecutable(path: string): void {
  if (isDirectory(modeOfPath(path))) throw new SyscallError('lookup', EISDIR, path);
  const errno = executeAccess(path);
  if (errno !== 0) throw new SyscallError('lookup', errno, path);
}
