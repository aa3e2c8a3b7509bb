import { readFileSync } from 'node:fs';

/** The proportional set size of processes together, in megabytes (proc(5), smaps_rollup). */
export function pssMegabytes(pids: readonly number[]): number {
  const kilobytes = pids.map(pid => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  });
  return kilobytes.reduce((sum, value) => sum + value, 0) / 1024;
}
