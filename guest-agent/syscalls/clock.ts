import { check, declare } from './libc.ts';

const CLOCK_REALTIME = 0;
const clockSettime = declare<(clock: number, time: Buffer) => number>('int clock_settime(int clock, const void *time)');

/** Sets the wall clock (clock_settime(2)). Needs CAP_SYS_TIME. */
export function setWallClock(unixMs: number): void {
  const seconds = Math.floor(unixMs / 1000);
  const nanoseconds = Math.round((unixMs - seconds * 1000) * 1e6);
  const time = Buffer.alloc(16); // struct timespec
  time.writeBigInt64LE(BigInt(seconds), 0);
  time.writeBigInt64LE(BigInt(nanoseconds), 8);
  check('clock_settime', clockSettime(CLOCK_REALTIME, time), new Date(unixMs).toISOString());
}
