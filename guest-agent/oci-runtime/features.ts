import { appArmorEnabled, mountOptionNames } from '../runtime/index.ts';
import { capabilityNames } from '../syscalls/identity.ts';

/** What this runtime can do, whatever the host (features.md and features-linux.md, 1.2). */
export const features = (): object => ({
  ociVersionMin: '1.0.0',
  ociVersionMax: '1.2.1',
  hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
  mountOptions: [...mountOptionNames].sort(),
  linux: {
    namespaces: ['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'],
    capabilities: [...capabilityNames],
    cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
    seccomp: {
      enabled: true,
      actions: ['ALLOW', 'ERRNO', 'KILL', 'KILL_PROCESS', 'KILL_THREAD', 'LOG', 'TRACE', 'TRAP'].map(
        name => `SCMP_ACT_${name}`,
      ),
      operators: ['EQ', 'GE', 'GT', 'LE', 'LT', 'MASKED_EQ', 'NE'].map(name => `SCMP_CMP_${name}`),
      archs: ['AARCH64', 'ARM', 'X32', 'X86', 'X86_64'].map(name => `SCMP_ARCH_${name}`),
    },
    apparmor: { enabled: appArmorEnabled() },
    selinux: { enabled: false },
    intelRdt: { enabled: false },
    mountExtensions: { idmap: { enabled: false } },
  },
  annotations: {},
});
