import { JsonPeer } from '../../base/json-peer.ts';
import type { Log } from '../../base/log.ts';
import type { GuestCalls, HostCalls } from '../../contracts/guest.ts';
import type { PortForwarder } from './port-forwarder.ts';
import type { SshSession } from './ssh-session.ts';

/** The guest as the host sees it: the calls of contracts/guest.ts. */
export type GuestPeer = JsonPeer<HostCalls, GuestCalls>;

/** A clock that is off by less stays as it is. */
const toleratedClockMs = 50;

/** Opens the control connection of a session, serves the guest's wishes for ports, and opens those it has already. */
export async function openGuestControl(
  session: SshSession,
  socketPath: string,
  ports: PortForwarder,
  log: Log,
): Promise<GuestPeer> {
  const peer: GuestPeer = new JsonPeer(await session.openSocket(socketPath), {
    publish: async request => {
      await ports.publish(request);
      return {};
    },
    withdraw: async ({ key }) => {
      await ports.withdraw(key);
      return {};
    },
  });
  const { published } = await peer.call('ports', {});
  for (const problem of await ports.replaceAll(published)) log.warn(problem);
  return peer;
}

/**
 * Compares the guest's clock with ours, half of the round trip allowed for, and steps it when it is off. The
 * difference travels, not the time, so a slow way does no harm. Returns by how much it was off, in milliseconds.
 */
export async function synchroniseClock(peer: GuestPeer, now: () => number = Date.now): Promise<number> {
  const asked = now();
  const { unixMs } = await peer.call('clock', {});
  const answered = now();
  const offMs = unixMs - (asked + answered) / 2;
  // On a long way half of it proves nothing: only what is surely wrong is corrected.
  if (Math.abs(offMs) > Math.max(toleratedClockMs, (answered - asked) / 2)) {
    await peer.call('adjustClock', { byMs: -offMs });
  }
  return offMs;
}

/**
 * Calls back when this computer has slept: the wall clock has gone further than the timer. Returns what ends it.
 * (The monotonic clock does not count sleep everywhere, the wall clock does.)
 */
export function watchForSleep(
  awake: (sleptMs: number) => void,
  everyMs = 1000,
  now: () => number = Date.now,
): () => void {
  let last = now();
  const timer = setInterval(() => {
    const current = now();
    const missing = current - last - everyMs;
    last = current;
    if (Math.abs(missing) > 2 * everyMs) awake(missing);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
