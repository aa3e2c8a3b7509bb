import koffi from 'koffi';
import { check, declare, errno, SyscallError } from './libc.ts';

const arm64 = process.arch === 'arm64';
const SYS_capget = arm64 ? 90 : 125;
const SYS_capset = arm64 ? 91 : 126;
const SYS_setgroups = arm64 ? 159 : 116;
const SYS_setresuid = arm64 ? 147 : 117;
const SYS_setresgid = arm64 ? 149 : 119;
const SYS_setfsuid = arm64 ? 151 : 122;
const SYS_setfsgid = arm64 ? 152 : 123;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_KEEPCAPS = 8;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const PR_CAP_AMBIENT_RAISE = 2;
const CAPABILITY_VERSION_3 = 0x20080522;

/** Capabilities in the order of their numbers. capabilities(7). */
export const capabilityNames = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

// By number: glibc's wrappers ask all threads that it knows of to follow, and a forked child has none of them.
const rawSetgroups = declare<(nr: number, size: number, groups: Buffer) => number>(
  'long syscall(long nr, size_t size, const void *groups)',
);
const rawSetIds = declare<(nr: number, real: number, effective: number, saved: number) => number>(
  'long syscall(long nr, unsigned int real, unsigned int effective, unsigned int saved)',
);
const rawSetFileId = declare<(nr: number, id: number) => number>('long syscall(long nr, unsigned int id)');
const rawCap = declare<(nr: number, header: Buffer, data: Buffer) => number>(
  'long syscall(long nr, void *header, void *data)',
);
const rawPrctl = declare<(option: number, a: number, b: number, c: number, d: number) => number>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);

/** Bits by capability number. */
export interface CapabilitySets {
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
}

/** Names as bits; unknown names are 0. */
export function capabilityBits(names: readonly string[]): bigint {
  let bits = 0n;
  for (const name of names) {
    const number = (capabilityNames as readonly string[]).indexOf(name);
    if (number !== -1) bits |= 1n << BigInt(number);
  }
  return bits;
}

const header = (): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt32LE(CAPABILITY_VERSION_3, 0);
  return buffer;
};

export function getCapabilities(): CapabilitySets {
  const data = Buffer.alloc(24);
  check('capget', rawCap(SYS_capget, header(), data));
  const set = (at: number): bigint => BigInt(data.readUInt32LE(at)) | (BigInt(data.readUInt32LE(at + 12)) << 32n);
  return { effective: set(0), permitted: set(4), inheritable: set(8) };
}

/** A capset(2) call with everything laid out, for the time when nothing may be allocated. It gives 0 or the errno. */
export function preparedCapabilities(sets: CapabilitySets): () => number {
  const data = Buffer.alloc(24);
  for (const [at, bits] of [
    [0, sets.effective],
    [4, sets.permitted],
    [8, sets.inheritable],
  ] as const) {
    data.writeUInt32LE(Number(bits & 0xffffffffn), at);
    data.writeUInt32LE(Number(bits >> 32n), at + 12);
  }
  const head = header();
  return () => (rawCap(SYS_capset, head, data) === 0 ? 0 : errno());
}

export function setCapabilities(sets: CapabilitySets): void {
  const failed = preparedCapabilities(sets)();
  if (failed !== 0) throw new SyscallError('capset', failed, '');
}

const SYS_seccomp = arm64 ? 277 : 317;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;
const FILTER_INSTRUCTION_SIZE = 8;
const rawSeccomp = declare<(nr: number, operation: number, flags: number, program: Buffer) => number>(
  'long syscall(long nr, unsigned int operation, unsigned int flags, void *program)',
);

/**
 * A seccomp(2) call that loads `filter` (an array of `struct sock_filter`), laid out like {@link preparedCapabilities}.
 * Speculation stays allowed, as runc has it: a filter alone should not slow the program down.
 */
export function preparedFilter(filter: Buffer): () => number {
  const program = Buffer.alloc(16); // struct sock_fprog
  program.writeUInt16LE(filter.length / FILTER_INSTRUCTION_SIZE, 0);
  program.writeBigUInt64LE(BigInt(koffi.address(filter)), 8);
  return () => {
    const result = rawSeccomp(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, program);
    return result === 0 || filter.length === 0 ? 0 : errno();
  };
}

let bounding: bigint | undefined;

/** The capabilities that this process could give to others at most when it asked first, as bits: forks inherit the answer. */
export function boundingSet(): bigint {
  bounding ??= readBoundingSet();
  return bounding;
}

function readBoundingSet(): bigint {
  let bits = 0n;
  for (let number = 0; number < 64; number++) {
    const held = rawPrctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (held === -1) break;
    if (held === 1) bits |= 1n << BigInt(number);
  }
  return bits;
}

/** Drops everything from the bounding set that is not in `keep`, and gives what is left. */
export function limitBoundingSet(keep: bigint): bigint {
  const dropped = boundingSet() & ~keep;
  for (const number of bitsOf(dropped))
    check('prctl', rawPrctl(PR_CAPBSET_DROP, number, 0, 0, 0), capabilityNames[number] ?? number);
  return boundingSet() & keep;
}

function bitsOf(set: bigint): number[] {
  const numbers: number[] = [];
  for (const [half, first] of [
    [Number(set & 0xffffffffn), 0],
    [Number(set >> 32n), 32],
  ] as const)
    for (let bit = 0; bit < 32; bit++) if ((half >>> bit) & 1) numbers.push(first + bit);
  return numbers;
}

/** Makes exactly `bits` ambient: they must be permitted and inheritable. */
export function setAmbient(bits: bigint): void {
  check('prctl', rawPrctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 'ambient');
  for (const number of bitsOf(bits))
    check('prctl', rawPrctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0), capabilityNames[number] ?? number);
}

/** Keeps the permitted set when the user changes from root to another. */
export function keepCapabilities(keep: boolean): void {
  check('prctl', rawPrctl(PR_SET_KEEPCAPS, keep ? 1 : 0, 0, 0, 0), 'PR_SET_KEEPCAPS');
}

export function forbidNewPrivileges(): void {
  check('prctl', rawPrctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'PR_SET_NO_NEW_PRIVS');
}

/** Takes on all of a user's numbers, groups first. Only for a process with one thread. */
export function becomeUser(uid: number, gid: number, groups: readonly number[]): void {
  const list = Buffer.alloc(Math.max(4, groups.length * 4));
  for (const [index, group] of groups.entries()) list.writeUInt32LE(group, index * 4);
  check('setgroups', rawSetgroups(SYS_setgroups, groups.length, list), groups.join(','));
  check('setresgid', rawSetIds(SYS_setresgid, gid, gid, gid), gid);
  check('setresuid', rawSetIds(SYS_setresuid, uid, uid, uid), uid);
}

/**
 * Runs `act` as another user towards file systems, with all of root's capabilities: what it makes is that user's.
 * setfsuid(2) takes capabilities away when root leaves, so they are put on again. Only for a process with one thread.
 */
export function actAs<Result>(uid: number, gid: number, act: () => Result): Result {
  const before = getCapabilities();
  const become = (user: number, group: number): void => {
    rawSetFileId(SYS_setfsgid, group);
    rawSetFileId(SYS_setfsuid, user);
    setCapabilities(before);
  };
  become(uid, gid);
  try {
    return act();
  } finally {
    become(0, 0);
  }
}
