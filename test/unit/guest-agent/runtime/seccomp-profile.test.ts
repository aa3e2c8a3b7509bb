import { expect, it } from 'vitest';
import { defaultProfile } from '../../../../guest-agent/runtime/default-profile.ts';
import { kernelAtLeast, resolveProfile } from '../../../../guest-agent/runtime/seccomp-profile.ts';

const context = { capabilities: ['CAP_CHOWN', 'CAP_SYS_CHROOT'], kernel: '6.12.1-test', architecture: 'x64' };
const named = (capabilities: string[], kernel = context.kernel): Set<string> =>
  new Set(resolveProfile(defaultProfile, { ...context, capabilities, kernel }).syscalls?.flatMap(rule => rule.names));

it('names as many calls as Docker 28.5', () => {
  const rules = defaultProfile.syscalls ?? [];
  expect(new Set(rules[0]?.names).size).toBe(361);
  expect(rules[0]?.names).toHaveLength(361);
  const allowed = rules.filter(rule => rule.action === 'SCMP_ACT_ALLOW').flatMap(rule => rule.names ?? []);
  expect(new Set(allowed).size).toBe(426);
});

it('leaves out what nobody may call', () => {
  const all = new Set(defaultProfile.syscalls?.flatMap(rule => rule.names ?? []));
  const never = [
    'io_uring_setup',
    'userfaultfd',
    'keyctl',
    'add_key',
    'kexec_load',
    'pivot_root',
    'swapon',
    'move_pages',
  ];
  expect(never.filter(name => all.has(name))).toEqual([]);
});

it('settles conditions by capability, processor and kernel', () => {
  expect(named(['CAP_CHOWN']).has('chroot')).toBe(false);
  expect(named(['CAP_SYS_CHROOT']).has('chroot')).toBe(true);
  expect(named(['CAP_SYS_ADMIN']).has('mount')).toBe(true);
  expect(named([]).has('arch_prctl')).toBe(true);
  expect(named([]).has('cacheflush')).toBe(false);
  expect([named([], '4.7.9').has('ptrace'), named([], '4.10').has('ptrace')]).toEqual([false, true]);
  expect(kernelAtLeast('5.4.0', '4.8')).toBe(true);
});

it('takes the processor families of a file', () => {
  const architectures = resolveProfile(defaultProfile, context).architectures;
  expect(architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  const old = resolveProfile(
    { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ name: 'open', action: 'SCMP_ACT_LOG' }] },
    context,
  );
  expect(old.syscalls).toEqual([{ names: ['open'], action: 'SCMP_ACT_LOG' }]);
});
