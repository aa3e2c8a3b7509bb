import { release } from 'node:os';
import type { SeccompAction, SeccompProfile, SeccompRule } from '../../contracts/oci/runtime-spec.ts';
import { type ArgumentTest, type FilterBuilder, newFilter, resolveSyscall } from '../syscalls/seccomp.ts';
import { X32_BIT } from './classic-bpf.ts';
import { defaultProfile } from './default-profile.ts';
import { compactFilter } from './seccomp-compact.ts';
import { type DockerSeccompProfile, resolveProfile, type SeccompContext } from './seccomp-profile.ts';
import { type ArchitectureLimit, withPrologue } from './seccomp-prologue.ts';

const EPERM = 1;
const ENOSYS = 38;
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
const BINARY_TREE = 2;
const RET_ERRNO = 0x00050000;

const actions: Record<SeccompAction, (errno: number) => number> = {
  SCMP_ACT_KILL: () => 0,
  SCMP_ACT_KILL_THREAD: () => 0,
  SCMP_ACT_KILL_PROCESS: () => 0x80000000,
  SCMP_ACT_TRAP: () => 0x00030000,
  SCMP_ACT_ERRNO: errno => RET_ERRNO | errno,
  SCMP_ACT_TRACE: errno => 0x7ff00000 | errno,
  SCMP_ACT_ALLOW: () => 0x7fff0000,
  SCMP_ACT_LOG: () => 0x7ffc0000,
  SCMP_ACT_NOTIFY: () => 0x7fc00000,
};

/** Whether a profile may name this action. */
export const isSeccompAction = (name: string): boolean => Object.hasOwn(actions, name);

const operators: Record<string, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};
/** AUDIT_ARCH_* of linux/audit.h; x32 is libseccomp's own. */
const tokens: Record<string, number> = {
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
};
const nativeToken = process.arch === 'arm64' ? 0xc00000b7 : 0xc000003e;

/** Numbers, the same on every architecture unless said, of calls younger than the libseccomp that may be installed (2.5.4). */
const young: Record<string, number> = {
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
  listns: 470,
  // On x86_64 alone; on x86 the number is rt_tgsigqueueinfo's, which every profile allows.
  ...(process.arch === 'x64' ? { uretprobe: 335 } : {}),
};

const cache = new Map<string, { program: Buffer; isCompact: boolean }>();
const CACHE_ENTRIES = 64;

/**
 * A profile as a program for seccomp(2): an array of struct sock_filter. Compiled once for each profile and context
 * (some milliseconds), then from memory, and made smaller (as many) when it is asked for again. Names that nobody knows are
 * left out, as runc does.
 * @throws SyscallError from libseccomp, Error when it is not installed or the profile names an unknown action
 */
export function compileSeccomp(
  profile: DockerSeccompProfile | SeccompProfile | 'default',
  context: { capabilities: readonly string[]; kernel?: string },
): Buffer {
  const full: SeccompContext = { capabilities: context.capabilities.toSorted(), kernel: context.kernel ?? release() };
  const key = JSON.stringify([profile, full]);
  const known = cache.get(key);
  if (known) {
    if (!known.isCompact) known.program = compactFilter(known.program);
    known.isCompact = true;
    return known.program;
  }
  const program = compile(resolveProfile(profile === 'default' ? defaultProfile : profile, full));
  const [oldest] = cache.keys();
  if (cache.size >= CACHE_ENTRIES && oldest !== undefined) cache.delete(oldest);
  cache.set(key, { program, isCompact: false });
  return program;
}

function actionOf(action: SeccompAction, errno: number | undefined): number {
  const encode = actions[action];
  if (!encode) throw new Error(`invalid seccomp action: ${action}`);
  return encode(errno ?? EPERM);
}

function compile(profile: SeccompProfile): Buffer {
  const defaultAction = actionOf(profile.defaultAction, profile.defaultErrnoRet);
  const filter = newFilter(defaultAction);
  try {
    const architectures = (profile.architectures ?? []).flatMap(name => tokens[name] ?? []);
    for (const token of architectures) filter.addArchitecture(token);
    filter.setAttribute(SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    const ours = new Map<number, number>();
    for (const rule of profile.syscalls ?? []) addRule(filter, rule, defaultAction, ours);
    const program = filter.export();
    // A profile that allows by default has nothing to say about calls it has never heard of.
    if (profile.defaultAction === 'SCMP_ACT_ALLOW' || profile.defaultAction === 'SCMP_ACT_LOG') return program;
    return withPrologue(program, limitsOf(profile, [nativeToken, ...architectures]), ours, RET_ERRNO | ENOSYS);
  } finally {
    filter.release();
  }
}

function addRule(filter: FilterBuilder, rule: SeccompRule, defaultAction: number, ours: Map<number, number>): void {
  const action = actionOf(rule.action, rule.errnoRet);
  if (action === defaultAction) return; // libseccomp refuses to be told twice
  const tests = (rule.args ?? []).map(
    ({ index, value, valueTwo, op }): ArgumentTest => ({
      arg: index,
      op: operators[op] ?? 0,
      value: BigInt(value),
      value2: BigInt(valueTwo ?? 0),
    }),
  );
  // Several tests of one argument mean any of them, as in runc; of several arguments, all.
  const alternatives = new Set(tests.map(({ arg }) => arg)).size < tests.length ? tests.map(test => [test]) : [tests];
  for (const name of rule.names) {
    const number = resolveSyscall(nativeToken, name);
    if (number !== undefined) for (const all of alternatives) filter.addRule(action, number, all);
    else if (Object.hasOwn(young, name) && tests.length === 0) ours.set(young[name] ?? 0, action);
  }
}

/** The newest call that the profile knows, for each way into the kernel. */
function limitsOf(profile: SeccompProfile, architectures: number[]): ArchitectureLimit[] {
  const names = (profile.syscalls ?? []).flatMap(rule => rule.names);
  const newest = (token: number): number =>
    names.reduce((most, name) => Math.max(most, (resolveSyscall(token, name) ?? young[name] ?? 0) & ~X32_BIT), 0);
  const x32 = tokens.SCMP_ARCH_X32 ?? 0;
  return [...new Set(architectures)]
    .filter(token => token !== x32)
    .map(token => ({
      token,
      newest: newest(token),
      ...(token === tokens.SCMP_ARCH_X86_64 ? { newestX32: architectures.includes(x32) ? newest(x32) : 0 } : {}),
    }));
}
