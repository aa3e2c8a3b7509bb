import { closeSync, constants, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** linux/input-event-codes.h */
const evKey = 1;
const keyPower = 116;
/** struct input_event on 64-bit: a timeval of two longs, then type, code (16 bit each), value (32 bit). */
const eventSize = 24;

/** True when a power key is pressed in these raw `struct input_event`s. */
export function pressesPower(events: Buffer): boolean {
  for (let at = 0; at + eventSize <= events.length; at += eventSize) {
    const type = events.readUInt16LE(at + 16);
    const code = events.readUInt16LE(at + 18);
    if (type === evKey && code === keyPower && events.readInt32LE(at + 20) === 1) return true;
  }
  return false;
}

/**
 * Calls back once when the machine's power button is pressed (QEMU's `system_powerdown`). Looked at three times a second
 * without blocking: a blocking read would hold a thread of Node's pool for ever, and the process's end with it.
 * Returns what ends it.
 */
export function watchPowerKey(pressed: () => void, everyMs = 300): () => void {
  const devices = powerButtons().map(path => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  const events = Buffer.alloc(eventSize * 64);
  const timer = setInterval(() => {
    if (!devices.some(device => pressesPower(events.subarray(0, readNow(device, events))))) return;
    stop();
    pressed();
  }, everyMs).unref();
  const stop = (): void => {
    clearInterval(timer);
    for (const device of devices.splice(0)) closeSync(device);
  };
  return stop;
}

function readNow(device: number, into: Buffer): number {
  try {
    return readSync(device, into, 0, into.length, null);
  } catch {
    return 0; // EAGAIN: nothing was pressed
  }
}

/** `/dev/input/event*` of every input device that calls itself a power button (input(5) in sysfs). */
function powerButtons(): string[] {
  const inputs = '/sys/class/input';
  try {
    return readdirSync(inputs)
      .filter(name => name.startsWith('event'))
      .filter(name => readFileSync(join(inputs, name, 'device/name'), 'utf8').includes('Power Button'))
      .map(name => join('/dev/input', name));
  } catch {
    return [];
  }
}
