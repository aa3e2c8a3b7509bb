import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { check, declare, errno, SyscallError } from './libc.ts';

/**
 * A fork of a running Node. It works when V8 has no helper threads (`node --single-threaded --v8-pool-size=0`), since
 * only the calling thread is in the child. The child must never return to the event loop: it goes on synchronously
 * until execve or `_exit`.
 */
const SYS_clone3 = 435;
const MADV_DOFORK = 11;
const CLONE_PIDFD = 0x1000;
/** The new process is a sibling: the parent of this one reaps it. */
export const CLONE_PARENT = 0x8000;
const CLONE_INTO_CGROUP = 0x200000000n;
const SIGCHLD = 17n;
/** Of `struct clone_args`, see clone3(2). */
export const CLONE_ARGS_SIZE = 88;
const FIRST_PAGE = 0x1000;
const END_OF_MEMORY = 0x7ffffffff000;

const rawClone3 = declare<(nr: number, args: Buffer, size: number) => number>(
  'long syscall(long nr, void *args, size_t size)',
);
const rawMadvise = declare<(address: number, length: number, advice: number) => number>(
  'int madvise(uint64_t address, size_t length, int advice)',
);

let spans: readonly (readonly [number, number])[] | undefined;

/** Address ranges around the kernel's own pages (`io` in smaps: vvar), at which madvise(2) would stop. */
function forkableSpans(): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  let start = FIRST_PAGE;
  let mapping: [number, number] = [0, 0];
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range) mapping = [Number.parseInt(range[1] ?? '', 16), Number.parseInt(range[2] ?? '', 16)];
    if (!line.startsWith('VmFlags:') || !/ io( |$)/.test(line) || mapping[1] > END_OF_MEMORY) continue;
    if (mapping[0] > start) found.push([start, mapping[0]]);
    start = mapping[1];
  }
  found.push([start, END_OF_MEMORY]);
  return found;
}

/** V8 marks its heap MADV_DONTFORK. Holes in a range are told as ENOMEM, after all of it was done. */
function makeMemoryForkable(retry = true): void {
  spans ??= forkableSpans();
  for (const [start, end] of spans) {
    if (rawMadvise(start, end - start, MADV_DOFORK) === 0 || errno() === constants.errno.ENOMEM) continue;
    if (!retry) throw new SyscallError('madvise', errno(), start.toString(16));
    spans = undefined; // a new mapping that it stops at
    makeMemoryForkable(false);
    return;
  }
}

/**
 * How many private mappings a child would lack after a fork now: 0 is right. Looking takes memory, for which V8 may make
 * a mapping of its own: what counts is what stays.
 */
export function unforkableMappings(looks = 3): number {
  const missing = countUnforkable();
  return missing > 0 && looks > 1 ? unforkableMappings(looks - 1) : missing;
}

function countUnforkable(): number {
  makeMemoryForkable();
  const flags = readFileSync('/proc/self/smaps', 'latin1').match(/^VmFlags:.*$/gm) ?? [];
  return flags.filter(line => / dc( |$)/.test(line) && !/ (io|sh)( |$)/.test(line)).length;
}

const cloneArgs = Buffer.alloc(CLONE_ARGS_SIZE);
const pidfdOut = Buffer.alloc(4);

/** In the parent the child's pid and a pidfd of it; in the child pid 0. */
export interface ForkResult {
  pid: number;
  pidfd: number;
}

/**
 * Forks with new namespaces (`flags`: `CLONE_NEW…`), born into the cgroup v2 directory that `cgroupFd` is open on.
 * Signals should be blocked: libuv's handlers are still there in the child. @throws SyscallError
 */
export function forkProcess(flags: number, cgroupFd?: number): ForkResult {
  cloneArgs.fill(0);
  const intoCgroup = cgroupFd === undefined ? 0n : CLONE_INTO_CGROUP;
  cloneArgs.writeBigUInt64LE(BigInt(flags | CLONE_PIDFD) | intoCgroup, 0);
  cloneArgs.writeBigUInt64LE(BigInt(koffi.address(pidfdOut)), 8);
  cloneArgs.writeBigUInt64LE((flags & CLONE_PARENT) === 0 ? SIGCHLD : 0n, 32); // a sibling takes over its brother's
  cloneArgs.writeBigUInt64LE(BigInt(cgroupFd ?? 0), 80);
  makeMemoryForkable(); // last: what V8 maps after this would be missing in the child
  const pid = rawClone3(SYS_clone3, cloneArgs, CLONE_ARGS_SIZE);
  if (pid === 0) return { pid: 0, pidfd: -1 };
  return { pid: check('clone3', pid, flags), pidfd: pidfdOut.readInt32LE(0) };
}
