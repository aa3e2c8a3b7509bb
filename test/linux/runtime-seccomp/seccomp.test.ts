import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SeccompProfile } from '../../../contracts/oci/runtime-spec.ts';
import { compileSeccomp } from '../../../guest-agent/runtime/seccomp.ts';
import { skipping } from '../../support/skip.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
const otherMachine = skipping(process.arch === 'x64' ? undefined : 'the numbers of calls are those of x86_64');
if (!usable) console.log('skipped: putting a filter on without no-new-privileges needs Linux and root');

const ALLOW = 'allow';
const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const X32_BIT = 0x40000000;

/** Runs a filter as the kernel would: classic BPF on struct seccomp_data. */
function judge(program: Buffer, arch: number, number: number, ...args: bigint[]): string {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(arch, 4);
  args.forEach((value, index) => {
    data.writeBigUInt64LE(value, 16 + index * 8);
  });
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = program.readUInt16LE(at * 8);
    const [ifTrue = 0, ifFalse = 0] = program.subarray(at * 8 + 2);
    const value = program.readUInt32LE(at * 8 + 4);
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0;
    else if (code === 0x05) at += value;
    else if (code === 0x15) at += accumulator === value ? ifTrue : ifFalse;
    else if (code === 0x25) at += accumulator > value ? ifTrue : ifFalse;
    else if (code === 0x35) at += accumulator >= value ? ifTrue : ifFalse;
    else if (code === 0x45) at += accumulator & value ? ifTrue : ifFalse;
    else if (code === 0x06)
      return value === 0x7fff0000 ? ALLOW : value >>> 16 === 5 ? `errno ${value & 0xffff}` : 'kill';
    else throw new Error(`unknown instruction ${code.toString(16)}`);
  }
  throw new Error('ran over the end');
}

const capabilities = ['CAP_CHOWN', 'CAP_SYS_CHROOT', 'CAP_NET_RAW'];

describe.skipIf(!usable || otherMachine)('the default profile, compiled for x86_64', () => {
  const program = usable ? compileSeccomp('default', { capabilities, kernel: '6.12.0' }) : Buffer.alloc(0);
  const call = (number: number, ...args: bigint[]): string => judge(program, X86_64, number, ...args);

  it('allows, refuses, and pretends not to know', () => {
    expect([call(0), call(59), call(161)]).toEqual([ALLOW, ALLOW, ALLOW]); // read, execve, chroot
    expect([call(165), call(425), call(155)]).toEqual(['errno 1', 'errno 1', 'errno 1']); // mount, io_uring, pivot_root
    expect([call(435), call(500)]).toEqual(['errno 38', 'errno 38']); // clone3, unheard of
    expect([call(462), call(457), call(459)]).toEqual([ALLOW, ALLOW, 'errno 1']); // mseal, statmount, lsm_get_self_attr
  });

  it('looks at arguments', () => {
    expect([2n, 16n, 38n, 39n, 40n, 41n].map(domain => call(41, domain))).toEqual([
      ALLOW,
      ALLOW,
      'errno 1',
      ALLOW,
      'errno 1',
      ALLOW,
    ]);
    expect([call(56, 0x11n), call(56, 0x20011n), call(56, 0x10000000n)]).toEqual([ALLOW, 'errno 1', 'errno 1']);
    expect([call(135, 0xffffffffn), call(135, 7n)]).toEqual([ALLOW, 'errno 1']);
  });

  it('stands at the other doors of the processor too', () => {
    expect([judge(program, I386, 3), judge(program, I386, 21), judge(program, I386, 500)]).toEqual([
      ALLOW,
      'errno 1',
      'errno 38',
    ]);
    expect([call(X32_BIT | 0), call(X32_BIT | 165), call(X32_BIT | 600)]).toEqual([ALLOW, 'errno 1', 'errno 38']);
    expect(judge(program, 0xc00000b7, 63)).toBe('kill');
  });

  it('gives the administrator what is his', () => {
    const admin = compileSeccomp('default', { capabilities: ['CAP_SYS_ADMIN'], kernel: '6.12.0' });
    const allowed = [165, 435, 272, 459].map(number => judge(admin, X86_64, number));
    expect(allowed).toEqual([ALLOW, ALLOW, ALLOW, ALLOW]);
    expect(judge(admin, X86_64, 56, 0x20011n)).toBe(ALLOW);
  });

  it('is compiled once, and smaller when it comes again', () => {
    const again = (names: string[]): Buffer => compileSeccomp('default', { capabilities: names, kernel: '6.12.0' });
    const small = again(capabilities);
    expect(small.length).toBeLessThan(0.6 * program.length);
    expect(again(capabilities.toReversed())).toBe(small);
  });

  const errno = 'SCMP_ACT_ERRNO' as const;
  const allow = 'SCMP_ACT_ALLOW' as const;
  const between = [
    { index: 0, op: 'SCMP_CMP_GT' as const, value: 2 ** 33 },
    { index: 1, op: 'SCMP_CMP_LE' as const, value: 7 },
  ];
  const profiles: Record<string, SeccompProfile | 'default'> = {
    'the default': 'default',
    'one that allows': { defaultAction: allow, syscalls: [{ names: ['mkdir', 'chmod'], action: errno, errnoRet: 2 }] },
    'one that looks at much': {
      defaultAction: errno,
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      syscalls: [
        { names: ['read', 'write'], action: allow },
        { names: ['socket', 'prctl', 'kill'], action: allow, args: between },
        {
          names: ['ioctl'],
          action: allow,
          args: [{ index: 1, op: 'SCMP_CMP_MASKED_EQ', value: 0xf0f0, valueTwo: 0x1010 }],
        },
        { names: ['openat'], action: 'SCMP_ACT_KILL_PROCESS', args: [{ index: 2, op: 'SCMP_CMP_NE', value: 3 }] },
      ],
    },
    'one of this processor alone': {
      defaultAction: 'SCMP_ACT_TRAP',
      architectures: ['SCMP_ARCH_X86_64'],
      syscalls: [{ names: ['read', 'mseal', 'execve'], action: allow }],
    },
  };

  it.each(Object.entries(profiles))('says the same when it is small: %s', (_name, profile) => {
    const plain = compileSeccomp(profile, { capabilities: ['CAP_CHOWN'], kernel: '6.12.1' });
    const small = compileSeccomp(profile, { capabilities: ['CAP_CHOWN'], kernel: '6.12.1' });
    const named = Array.from({ length: plain.length / 8 }, (_, at) => plain.readUInt32LE(at * 8 + 4));
    const turns = [...new Set([0, 2 ** 31, ...named])].flatMap(value => [value - 1, value, value + 1]);
    const numbers = turns.flatMap(turn => [turn, turn + X32_BIT]).filter(number => number >= 0 && number < 2 ** 32);
    const words = [
      0n,
      1n,
      7n,
      8n,
      0x1010n,
      0xf1f1n,
      2n ** 33n,
      2n ** 33n + 1n,
      0x7e020000n,
      0x10000000n,
      2n ** 64n - 1n,
    ];
    const told = (program: Buffer): string[] =>
      [X86_64, I386, 0xc00000b7].flatMap(arch => [
        ...numbers.map(number => `${arch} ${number}: ${judge(program, arch, number, 2n ** 33n + 1n, 7n, 3n)}`),
        ...Array.from({ length: 470 }, (_, number) =>
          words.map(word => judge(program, arch, number, word, words[number % words.length] ?? 0n, word)).join(),
        ),
      ]);
    expect(small.length).toBeLessThanOrEqual(plain.length);
    expect(told(small)).toEqual(told(plain));
  });

  it('adds nothing to a profile that allows by default', () => {
    const open = compileSeccomp(
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'nonsense'], action: 'SCMP_ACT_ERRNO' }] },
      { capabilities },
    );
    expect([judge(open, X86_64, 83), judge(open, X86_64, 600)]).toEqual(['errno 1', ALLOW]);
  });
});

describe.skipIf(!usable)('the kernel under the default profile', () => {
  it('says what Docker says', () => {
    const filter = compileSeccomp('default', { capabilities });
    const script = join(import.meta.dirname, 'confined.ts');
    const told = JSON.parse(String(spawnSync(process.execPath, [script], { input: filter }).stdout));
    expect(told).toMatchObject({
      inet: 'ok',
      vsock: 'EPERM',
      alg: 'EPERM',
      unshare: 'EPERM',
      personality: 'EPERM',
      clone3: 'ENOSYS',
      fromTheFuture: 'ENOSYS',
      ioUring: 'EPERM',
    });
    expect(told.mseal).not.toBe('EPERM');
  });
});
