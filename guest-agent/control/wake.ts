import { constants } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type WakeCall, wakePortName } from '../../contracts/guest.ts';
import { setWallClock } from '../syscalls/clock.ts';
import { reseed } from '../syscalls/random.ts';
import { findVirtioPort, reportPhase } from './readiness.ts';

/** How long between two looks at a port to whose other end the host has not connected yet. */
const pauseMs = 2;

/**
 * Sleeps until the host wakes the machine: up to here its memory may be kept, and many boots may begin with the same. So
 * nothing of the data disk has been read, and neither clock nor randomness are to be trusted until now. A line
 * in `fifo` then tells the machine's init. A machine without such a port is awake.
 */
export async function untilWoken(fifo: string): Promise<void> {
  const device = findVirtioPort(wakePortName);
  if (device) {
    const { timeUnixMs, secret } = await wakeCall(device);
    reseed(Buffer.from(secret, 'base64'));
    setWallClock(timeUnixMs);
  }
  reportPhase('awake');
  await writeFile(fifo, '\n');
}

async function wakeCall(device: string): Promise<WakeCall> {
  const port = await open(device, constants.O_RDONLY);
  try {
    return JSON.parse(await readLine(port)) as WakeCall;
  } finally {
    await port.close();
  }
}

async function readLine(port: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(4096);
  let line = '';
  while (!line.endsWith('\n')) {
    const { bytesRead } = await port.read(buffer, 0, buffer.length, null);
    line += buffer.toString('utf8', 0, bytesRead);
    if (bytesRead === 0) await delay(pauseMs); // the host is not there yet
  }
  return line;
}
