import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pauseMs = 5;
const patienceMs = 2000;

/**
 * Waits until all other threads of this process sleep, for two seconds at most: before a first fork. What one of them holds
 * at the moment of a fork, the allocator's lock above all, is held in the child for ever; those of a Node that has just
 * begun take their time on a busy machine. Later they only sleep.
 */
export async function othersAsleep(): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!threadsOf(process.pid).every(sleeps) && performance.now() < deadline) await sleep(pauseMs);
}

const threadsOf = (pid: number): string[] => readdirSync('/proc/self/task').filter(id => id !== String(pid));

/** proc_pid_stat(5): the state follows the name, which may hold anything. One that has ended holds nothing. */
function sleeps(thread: string): boolean {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'S';
  } catch {
    return true;
  }
}
