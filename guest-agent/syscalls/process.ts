import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { check, declare, errno } from './libc.ts';

const arm64 = process.arch === 'arm64';
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const SYS_close_range = 436;
const SYS_pidfd_getfd = 438;
const SYS_getcwd = arm64 ? 17 : 79;
const SYS_keyctl = arm64 ? 219 : 250;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const KEYCTL_SETPERM = 5;
const CLOSE_RANGE_CLOEXEC = 4;
/** As good as the last descriptor there can be. close_range(2) */
export const LAST_FD = 0xffffffff;
const PR_SET_DUMPABLE = 4;
const P_ALL = 0;
const P_PID = 1;
const WEXITED = 4;
const WNOHANG = 1;
const WNOWAIT = 0x1000000;
const CLD_EXITED = 1;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const LOCK_EX_NB = 6;

const rawCloseRange = declare<(nr: number, first: number, last: number, flags: number) => number>(
  'long syscall(long nr, unsigned int first, unsigned int last, unsigned int flags)',
);
const rawPidfdOpen = declare<(nr: number, pid: number, flags: number) => number>(
  'long syscall(long nr, int pid, unsigned int flags)',
);
const rawPidfdGetfd = declare<(nr: number, pidfd: number, fd: number, flags: number) => number>(
  'long syscall(long nr, int pidfd, int fd, unsigned int flags)',
);
const rawPidfdSendSignal = declare<(nr: number, pidfd: number, signal: number, info: null, flags: number) => number>(
  'long syscall(long nr, int pidfd, int signal, void *info, unsigned int flags)',
);
const rawGetcwd = declare<(nr: number, buffer: Buffer, size: number) => number>(
  'long syscall(long nr, void *buffer, size_t size)',
);
const rawKeyctl = declare<(nr: number, operation: number, name: string) => number>(
  'long syscall(long nr, int operation, const char *name)',
);
const rawKeyctlNumbers = declare<(nr: number, operation: number, key: number, value: number) => number>(
  'long syscall(long nr, int operation, int key, unsigned int value)',
);
const rawPrctl = declare<(option: number, a: number, b: number, c: number, d: number) => number>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);
const rawWaitid = declare<(idType: number, id: number, info: Buffer, options: number) => number>(
  'int waitid(int idType, int id, void *info, int options)',
);
const rawSigmask = declare<(how: number, set: Buffer, old: Buffer | null) => number>(
  'int sigprocmask(int how, const void *set, void *old)',
);
const rawSignal = declare<(signal: number, handler: number) => number>('long signal(int signal, long handler)');
const rawChdir = declare<(path: string) => number>('int chdir(const char *path)');
const rawFchdir = declare<(fd: number) => number>('int fchdir(int fd)');
const rawDup2 = declare<(from: number, to: number) => number>('int dup2(int from, int to)');
const rawExecve = declare<(path: Buffer, argv: Buffer, envp: Buffer) => number>(
  'int execve(const void *path, const void *argv, const void *envp)',
);
const rawExit = declare<(code: number) => void>('void _exit(int code)');
const rawSetsid = declare<() => number>('int setsid()');
const rawUmask = declare<(mask: number) => number>('unsigned int umask(unsigned int mask)');
const rawSocketpair = declare<(domain: number, type: number, protocol: number, pair: Buffer) => number>(
  'int socketpair(int domain, int type, int protocol, void *pair)',
);
const rawFlock = declare<(fd: number, operation: number) => number>('int flock(int fd, int operation)');
const rawPrlimit = declare<(pid: number, resource: number, next: Buffer | null, old: Buffer | null) => number>(
  'int prlimit(int pid, int resource, const void *next, void *old)',
);
const rawRead = declare<(fd: number, buffer: Buffer, size: number) => number>(
  'long read(int fd, void *buffer, size_t size)',
);
const rawWrite = declare<(fd: number, buffer: Buffer, size: number) => number>(
  'long write(int fd, const void *buffer, size_t size)',
);

/** Closes all descriptors from `first` to `last`. */
export function closeRange(first: number, last: number = LAST_FD): void {
  if (first <= last) check('close_range', rawCloseRange(SYS_close_range, first, last, 0));
}

/** Lets execve close all descriptors from `first` on. */
export function closeOnExecFrom(first: number): void {
  check('close_range', rawCloseRange(SYS_close_range, first, LAST_FD, CLOSE_RANGE_CLOEXEC));
}

/** A descriptor of the process itself, which no later process with the same number can take. */
export function pidfdOpen(pid: number): number {
  return check('pidfd_open', rawPidfdOpen(SYS_pidfd_open, pid, 0), pid);
}

/** A duplicate (close-on-exec) of the descriptor `fd` of another process. Needs CAP_SYS_PTRACE over a non-dumpable one. */
export function pidfdGetfd(pidfd: number, fd: number): number {
  return check('pidfd_getfd', rawPidfdGetfd(SYS_pidfd_getfd, pidfd, fd, 0), fd);
}

/** Sends `signal`, or does nothing when the process is gone. */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  if (rawPidfdSendSignal(SYS_pidfd_send_signal, pidfd, signal, null, 0) === 0) return;
  if (errno() !== constants.errno.ESRCH) check('pidfd_send_signal', -1, signal);
}

/** Hides this process's memory and descriptors from everything without CAP_SYS_PTRACE. prctl(2). */
export function becomeNonDumpable(): void {
  check('prctl', rawPrctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 'PR_SET_DUMPABLE');
}

/** prctl(2) as it is. */
export function prctl(option: number, value: number, subject: string): number {
  return check('prctl', rawPrctl(option, value, 0, 0, 0), subject);
}

const F_DUPFD_CLOEXEC = 1030;
const rawFcntl = declare<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int command, long argument)',
);

/** A close-on-exec duplicate of a descriptor. */
export const duplicate = (fd: number): number => check('fcntl', rawFcntl(fd, F_DUPFD_CLOEXEC, 3), fd);

const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 8;
const PIDFD_INFO_SIZE = 64;
const POLLIN = 1;
const rawPoll = declare<(fds: Buffer, count: number, timeoutMs: number) => number>(
  'int poll(void *fds, unsigned long count, int timeoutMs)',
);
const rawIoctl = declare<(fd: number, request: number, argument: Buffer) => number>(
  'int ioctl(int fd, unsigned long request, void *argument)',
);

/** True once the process behind the pidfd has ended, for which it is waited at most so long. poll(2) */
export function pidfdEnded(pidfd: number, patienceMs = 0): boolean {
  const entry = Buffer.alloc(8); // struct pollfd
  entry.writeInt32LE(pidfd, 0);
  entry.writeInt16LE(POLLIN, 4);
  return rawPoll(entry, 1, patienceMs) === 1;
}

/** How a process that somebody else has reaped ended, or undefined where the kernel does not tell (before Linux 6.15). */
export function pidfdExit(pidfd: number): Omit<ReapedChild, 'pid'> | undefined {
  const info = Buffer.alloc(PIDFD_INFO_SIZE); // struct pidfd_info
  info.writeBigUInt64LE(BigInt(PIDFD_INFO_EXIT), 0);
  if (rawIoctl(pidfd, PIDFD_GET_INFO, info) === -1) return undefined;
  if ((info.readBigUInt64LE(0) & BigInt(PIDFD_INFO_EXIT)) === 0n) return undefined;
  return fromWaitStatus(info.readInt32LE(PIDFD_INFO_SIZE - 4));
}

/** How a process ended that its parent has not reaped yet, or undefined when it has. proc_pid_stat(5), exit_code. */
export function zombieExit(pid: number, pidfd: number): Omit<ReapedChild, 'pid'> | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third
    const isStillIt = rawPidfdSendSignal(SYS_pidfd_send_signal, pidfd, 0, null, 0) === 0;
    return fields[0] === 'Z' && isStillIt ? fromWaitStatus(Number(fields[49])) : undefined;
  } catch {
    return undefined;
  }
}

/** wait(2): the exit code in the second byte, or a signal in the first. */
function fromWaitStatus(status: number): Omit<ReapedChild, 'pid'> {
  const signal = status & 0x7f;
  return signal === 0 ? { exitCode: (status >> 8) & 0xff } : { exitCode: 128 + signal, signal };
}

/** How a child ended: the number that exit(3) or a signal gave it. */
export interface ReapedChild {
  pid: number;
  exitCode: number;
  signal?: number;
}

/** Takes one child that has ended off the kernel's list, or undefined when none has. */
export function reapChild(): ReapedChild | undefined {
  const info = Buffer.alloc(128); // siginfo_t
  if (rawWaitid(P_ALL, 0, info, WEXITED | WNOHANG) === -1) return undefined;
  return reaped(info);
}

/** Whether the process is this one's to reap, be it at its end or not. */
export function isChild(pid: number): boolean {
  return rawWaitid(P_PID, pid, Buffer.alloc(128), WEXITED | WNOHANG | WNOWAIT) === 0;
}

const patienceForZombieMs = 1000;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** Lets the whole thread stand still, as sleep(3). */
export const sleepNow = (milliseconds: number): void => void Atomics.wait(nap, 0, 0, milliseconds);

/**
 * Waits for the child `pid`, which is about to end; undefined when it does not. Never for long: one that is traced is
 * its tracer's to reap, and that may be a process in a container that does not think of it. ptrace(2)
 */
export function waitForChild(pid: number): ReapedChild | undefined {
  const info = Buffer.alloc(128);
  const until = Date.now() + patienceForZombieMs;
  for (;;) {
    const result = rawWaitid(P_PID, pid, info, WEXITED | WNOHANG);
    const child = result === 0 ? reaped(info) : undefined;
    if (child || (result === -1 && errno() !== constants.errno.EINTR) || Date.now() > until) return child;
    sleepNow(0.2);
  }
}

function reaped(info: Buffer): ReapedChild | undefined {
  const pid = info.readInt32LE(16);
  if (pid === 0) return undefined;
  const status = info.readInt32LE(24);
  if (info.readInt32LE(8) === CLD_EXITED) return { pid, exitCode: status };
  return { pid, exitCode: 128 + status, signal: status };
}

/** Blocks all signals and returns the mask there was. */
export function blockSignals(): Buffer {
  const old = Buffer.alloc(128);
  check('sigprocmask', rawSigmask(SIG_BLOCK, Buffer.alloc(128, 0xff), old));
  return old;
}

export function setSignalMask(mask: Buffer): void {
  check('sigprocmask', rawSigmask(SIG_SETMASK, mask, null));
}

/** Node leaves SIGPIPE and SIGXFSZ ignored, and ignored signals stay so across execve. signal(7). */
export function resetSignals(): void {
  for (let signal = 1; signal <= 64; signal++) rawSignal(signal, 0);
}

const SIGPIPE = 13;
const SIG_IGN = 1;

/** Takes back the signal that a write to nobody has left, while signals are blocked: one that is ignored is discarded. signal(7) */
export function forgetBrokenPipe(): void {
  rawSignal(SIGPIPE, SIG_IGN);
  rawSignal(SIGPIPE, 0);
}

export const changeDirectory = (path: string): number => check('chdir', rawChdir(path), path);
export const changeDirectoryTo = (fd: number, subject: string): number => check('fchdir', rawFchdir(fd), subject);
export const duplicateTo = (from: number, to: number): number => check('dup2', rawDup2(from, to), to);
export const newSession = (): number => check('setsid', rawSetsid());
export const setUmask = (mask: number): number => rawUmask(mask);
export const exitNow = (code: number): void => rawExit(code);

/** `process.pid` is what it was when Node began, also after a fork. */
export const ownPid = declare<() => number>('int getpid()');

/** The current directory as the kernel sees it: it begins with `(unreachable)` outside the root. getcwd(2). */
export function currentDirectory(): string {
  const buffer = Buffer.alloc(4096);
  const length = check('getcwd', rawGetcwd(SYS_getcwd, buffer, buffer.length));
  return buffer.toString('utf8', 0, length - 1);
}

/**
 * A session keyring, so that keys of the host are out of reach: the one of that name that this process may search, or a
 * new one. Gives its number. @throws SyscallError ENOSYS without keyrings. keyctl(2)
 */
export const joinKeyring = (name: string): number =>
  check('keyctl', rawKeyctl(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name), name);

/** Lets further processes of its owner join a keyring: what the kernel gives a new one, and the search for it. */
export function shareKeyring(keyring: number): void {
  const possessorAll = 0x3f000000;
  const ownerViewsReadsSearchesLinks = 0x1b0000;
  const permissions = possessorAll | ownerViewsReadsSearchesLinks;
  check('keyctl', rawKeyctlNumbers(SYS_keyctl, KEYCTL_SETPERM, keyring, permissions), keyring);
}

/** A connected pair of close-on-exec stream sockets. */
export function socketPair(): [number, number] {
  const pair = Buffer.alloc(8);
  check('socketpair', rawSocketpair(1, 0x80001, 0, pair));
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/** Takes the exclusive lock of an open file until it is closed; false when another process has it. */
export const tryLock = (fd: number): boolean => rawFlock(fd, LOCK_EX_NB) === 0;

/** Reads what there is, waiting for the first byte; 0 at the end. */
export function readFd(fd: number, buffer: Buffer): number {
  return check('read', rawRead(fd, buffer, buffer.length), fd);
}

export function writeFd(fd: number, data: Buffer, subject: string | number = fd): number {
  return check('write', rawWrite(fd, data, data.length), subject);
}

const AT_FDCWD = -100;
const AT_EACCESS = 0x200;
const X_OK = 1;
const rawFaccessat = declare<(dirfd: number, path: string, mode: number, flags: number) => number>(
  'int faccessat(int dirfd, const char *path, int mode, int flags)',
);

/** 0 when the effective user may execute `path`, else the errno. */
export const executeAccess = (path: string): number =>
  rawFaccessat(AT_FDCWD, path, X_OK, AT_EACCESS) === 0 ? 0 : errno();

/** `soft` and `hard`; -1 is unlimited. */
export interface ResourceLimit {
  soft: number;
  hard: number;
}

/** The limit of this process by its number (RLIMIT_NOFILE is 7). */
export function getLimit(resource: number): ResourceLimit {
  const old = Buffer.alloc(16);
  check('prlimit', rawPrlimit(0, resource, null, old), resource);
  return { soft: Number(old.readBigInt64LE(0)), hard: Number(old.readBigInt64LE(8)) };
}

export function setLimit(resource: number, limit: ResourceLimit): void {
  const next = Buffer.alloc(16);
  next.writeBigInt64LE(BigInt(limit.soft), 0);
  next.writeBigInt64LE(BigInt(limit.hard), 8);
  check('prlimit', rawPrlimit(0, resource, next, null), resource);
}

/** What execve needs, laid out before the last filter is loaded: nothing is allocated afterwards. */
export interface NativeCommand {
  path: Buffer;
  argv: Buffer;
  envp: Buffer;
  /** Keeps the strings alive that `argv` and `envp` point at. */
  strings: Buffer[];
}

export function nativeCommand(path: string, args: readonly string[], env: readonly string[]): NativeCommand {
  const strings: Buffer[] = [];
  const pointers = (texts: readonly string[]): Buffer => {
    const array = Buffer.alloc((texts.length + 1) * 8);
    for (const [index, text] of texts.entries()) {
      const bytes = terminated(text);
      strings.push(bytes);
      array.writeBigUInt64LE(BigInt(koffi.address(bytes)), index * 8);
    }
    return array;
  };
  return { path: terminated(path), argv: pointers(args), envp: pointers(env), strings };
}

function terminated(text: string): Buffer {
  const bytes = Buffer.alloc(Buffer.byteLength(text) + 1);
  bytes.write(text);
  return bytes;
}

/** Becomes another program; comes back only when it cannot, with the errno. execve(2). */
export function execve(command: NativeCommand): number {
  rawExecve(command.path, command.argv, command.envp);
  return errno();
}

const F_SETFD = 2;

/** Lets `count` descriptors from `first` on pass execve. */
export function keepOnExec(first: number, count: number): void {
  for (let fd = first; fd < first + count; fd++) check('fcntl', rawFcntl(fd, F_SETFD, 0), fd);
}
