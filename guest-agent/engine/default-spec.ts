import type { DeviceRule, RuntimeMount } from '../../contracts/oci/runtime-spec.ts';
import { usualDeviceRules } from '../runtime/index.ts';

/** /dev/shm unless `--shm-size` says otherwise: 64 MiB. */
export const defaultShmBytes = 64 * 1024 * 1024;

/** Docker's masked paths, in its order, which `docker inspect` shows (moby oci/defaults, 28.5); the thermal files of each CPU that has them are added at run time. */
export const defaultMaskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

/** Docker's read-only paths. */
export const defaultReadonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** The mounts of every container, in order. A privileged one gets /sys and cgroup writable. */
export function defaultMounts(options: {
  privileged: boolean;
  shm: RuntimeMount | undefined;
  mqueue: boolean;
}): RuntimeMount[] {
  const access = options.privileged ? 'rw' : 'ro';
  const mounts: RuntimeMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [access, 'nosuid', 'noexec', 'nodev'] },
  ];
  if (options.mqueue) {
    mounts.push({
      destination: '/dev/mqueue',
      type: 'mqueue',
      source: 'mqueue',
      options: ['nosuid', 'noexec', 'nodev'],
    });
  }
  if (options.shm) mounts.push(options.shm);
  return mounts;
}

/** Everything is denied but what each container has. */
export const defaultDeviceRules: readonly DeviceRule[] = [{ allow: false, access: 'rwm' }, ...usualDeviceRules];

/** For `--privileged`. */
export const everyDevice: readonly DeviceRule[] = [{ allow: true, access: 'rwm' }];
