import { guestSshPort, readinessPortName, wakePortName } from '../../../../contracts/guest.ts';
import type { Arch } from '../../image.ts';
import type { Accelerator, QemuVersion } from './qemu.ts';

/** Everything that decides how QEMU is called; all paths absolute. */
export interface QemuPlan {
  arch: Arch;
  version: QemuVersion;
  accelerator: Accelerator;
  cpus: number;
  memoryMiB: number;
  kernel: string;
  initrd: string;
  kernelArguments: string;
  rootDisk: string;
  dataDisk: string;
  console: string;
  readiness: string;
  wake: string;
  qmp: string;
  pidFile: string;
}

/** Id of the network device's host side, for hostfwd_add. */
export const networkId = 'net0';

/**
 * QEMU's arguments. What was measured to matter: q35 with nothing on it that we did not ask for, a direct kernel boot,
 * raw disks that give space back, and readiness over virtio-serial instead of a polled port.
 */
export function qemuArguments(plan: QemuPlan): string[] {
  return [
    ...['-name', 'berth', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-machine', plan.arch === 'amd64' ? 'q35' : 'virt,gic-version=max', '-accel', acceleratorOption(plan)],
    ...['-cpu', cpuModel(plan)],
    ...['-smp', String(plan.cpus), '-m', `${plan.memoryMiB}M`],
    ...['-kernel', plan.kernel, '-initrd', plan.initrd, '-append', plan.kernelArguments],
    ...['-blockdev', rawDisk('root', plan.rootDisk, { 'read-only': true })],
    ...['-device', 'virtio-blk-pci,drive=root'],
    ...['-blockdev', rawDisk('data', plan.dataDisk, { discard: 'unmap', 'detect-zeroes': 'unmap' })],
    ...['-device', 'virtio-blk-pci,drive=data'],
    ...['-chardev', `file,id=console,path=${escaped(plan.console)}`, '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-pci', '-chardev', `file,id=ready,path=${escaped(plan.readiness)}`],
    ...['-device', `virtserialport,chardev=ready,name=${readinessPortName}`],
    ...['-chardev', `socket,id=wake,path=${escaped(plan.wake)},server=on,wait=off`],
    ...['-device', `virtserialport,chardev=wake,name=${wakePortName}`],
    // Port 0: the system chooses a free one, and `info usernet` says which. Choosing it ourselves would be a race.
    ...['-netdev', `user,id=${networkId},hostfwd=tcp:127.0.0.1:0-:${guestSshPort}`],
    ...['-device', `virtio-net-pci,netdev=${networkId},romfile=`],
    ...['-object', 'rng-builtin,id=rng', '-device', 'virtio-rng-pci,rng=rng'],
    ...['-chardev', `socket,id=qmp,path=${escaped(plan.qmp)},server=on,wait=off`, '-mon', 'chardev=qmp,mode=control'],
    ...['-pidfile', plan.pidFile],
  ];
}

/**
 * The value of `-accel`. Before 8.1, QEMU may translate an instruction that another thread changes at that moment, and keep what it saw: a
 * kernel that patches its own code (a static key, as the first container throws a handful) then dies of a breakpoint
 * that is long gone. With one thread for all processors nobody else writes.
 */
export function acceleratorOption({
  accelerator,
  version: { major, minor },
}: Pick<QemuPlan, 'accelerator' | 'version'>): string {
  const racy = major < 8 || (major === 8 && minor < 1);
  return accelerator === 'tcg' && racy ? 'tcg,thread=single' : accelerator;
}

/**
 * `max` under TCG of QEMU 7.2 crashes guests at random by its cmpxchg16b (6 boots of 14 here; 0 of 44 without).
 * `erms` and `fsrm` promise that copying byte by byte is quick, and programs believe it; emulated, every byte is a turn of
 * a loop (a bare boot takes 1.6 s instead of 1.7).
 */
function cpuModel({ arch, accelerator, version }: QemuPlan): string {
  if (accelerator === 'kvm' || accelerator === 'hvf') return 'host';
  if (arch !== 'amd64' || accelerator !== 'tcg') return 'max';
  return ['max', ...(version.major < 10 ? ['-cx16'] : []), '-erms', '-fsrm'].join(',');
}

/** JSON, in which a path needs no escapes. The `file` node keeps QEMU's lock: a second QEMU cannot open the disk. */
function rawDisk(name: string, filename: string, options: Record<string, unknown>): string {
  const file = { driver: 'file', filename, ...options };
  return JSON.stringify({ driver: 'raw', 'node-name': name, ...options, file });
}

/** QEMU's option syntax: a comma inside a value is written twice. */
const escaped = (path: string): string => path.replaceAll(',', ',,');
