import type { RuntimeMount, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';

const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];
const quiet = ['nosuid', 'noexec', 'nodev'];

const kernelMount = (destination: string, type: string, options: string[], source = type): RuntimeMount => ({
  ...{ destination, type, source, options },
});

/** `spec`: a shell in the bundle's `rootfs`, to begin with. The file systems are those that config-linux.md asks for. */
export const defaultConfig = (): RuntimeSpec => ({
  ociVersion: '1.2.1',
  process: {
    terminal: true,
    user: { uid: 0, gid: 0 },
    args: ['sh'],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
    cwd: '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 }],
    noNewPrivileges: true,
  },
  root: { path: 'rootfs', readonly: true },
  hostname: 'berth',
  mounts: [
    kernelMount('/proc', 'proc', []),
    kernelMount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    kernelMount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    kernelMount('/dev/shm', 'tmpfs', [...quiet, 'mode=1777', 'size=65536k'], 'shm'),
    kernelMount('/dev/mqueue', 'mqueue', quiet),
    kernelMount('/sys', 'sysfs', [...quiet, 'ro']),
    kernelMount('/sys/fs/cgroup', 'cgroup', [...quiet, 'relatime', 'ro']),
  ],
  linux: {
    namespaces: (['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'] as const).map(type => ({ type })),
    resources: { devices: [{ allow: false, access: 'rwm' }] },
    maskedPaths: [
      ...['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list'],
      ...['/proc/timer_stats', '/proc/sched_debug', '/sys/firmware', '/proc/scsi'],
    ],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  },
});
