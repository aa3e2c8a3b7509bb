import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in whatever form the system tells; undefined where it does not. */
  startedAt: string | undefined;
}

/** When the process started, or undefined when there is no such process (or the system cannot say). */
export function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return linuxStartTime(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    if (process.platform === 'darwin') {
      return execFileSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot (proc(5)); the name before it may contain anything. A zombie is dead. */
function linuxStartTime(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

export const identify = (pid: number): ProcessIdentity => ({ pid, startedAt: startTimeOf(pid) });

/** True when exactly this process is still there. */
export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startedAt === undefined || startTimeOf(pid) === startedAt;
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}

/** True once it is gone; false when it still lives after `ms`. */
export async function goneWithin(target: ProcessIdentity, ms: number): Promise<boolean> {
  const began = performance.now();
  const end = began + ms;
  while (isAlive(target)) {
    if (performance.now() >= end) return false;
    await new Promise(resolve => setTimeout(resolve, Math.min(25 + performance.now() - began, 250)));
  }
  return true;
}
