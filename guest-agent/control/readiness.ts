import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type BootLine, type BootPhase, readinessPortName } from '../../contracts/guest.ts';

const ports = '/sys/class/virtio-ports';

/** The device behind the virtio-serial port of that name (sysfs: /sys/class/virtio-ports/vportNpM/name), if the machine has it. */
export function findVirtioPort(name: string, folder = ports): string | undefined {
  try {
    const port = readdirSync(folder).find(each => readFileSync(join(folder, each, 'name'), 'utf8').trim() === name);
    return port && join('/dev', port);
  } catch {
    return undefined; // no virtio-serial at all
  }
}

/** Seconds since the kernel started (proc(5), /proc/uptime). */
export const uptimeSeconds = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);

/**
 * Tells the host how far the boot is. The port may be open only once at a time, so it is opened for one line and closed
 * again. Without a port (another kind of machine) nothing happens.
 */
export function reportPhase(phase: BootPhase): void {
  const device = findVirtioPort(readinessPortName);
  if (!device) return;
  const line: BootLine = { phase, t: uptimeSeconds() };
  const port = openSync(device, 'w');
  try {
    writeSync(port, `${JSON.stringify(line)}\n`);
  } finally {
    closeSync(port);
  }
}
