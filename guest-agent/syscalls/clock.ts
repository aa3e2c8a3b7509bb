import { check, declare } from './libc.ts';

const CLOCK_REALTIME = 0;
const clockSettime = declare<(clock: number, time: { seconds: number; nanoseconds: number }) => number>(
  'int clock_settime(int clock, const struct timespec_of_clock { long seconds; long nanoseconds; } *time)',
);

/** Sets the wall clock (clock_settime(2)). Needs CAP_SYS_TIME. */
export function setWallClock(unixMs: number): void {
  const seconds = Math.floor(unixMs / 1000);
  const nanoseconds = Math.round((unixMs - seconds * 1000) * 1e6);
  check('clock_settime', clockSettime(CLOCK_REALTIME, { seconds, nanoseconds }), new Date(unixMs).toISOString());
}
