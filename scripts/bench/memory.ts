import { readFileSync } from 'node:fs';
import { command, succeed } from '../../test/support/command.ts';
import type { NativeEngine } from '../../test/support/engine.ts';

/** The proportional set size of processes together, in megabytes (proc(5), smaps_rollup). */
export function pssMegabytes(pids: readonly number[]): number {
  const kilobytes = pids.map(pid => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  });
  return kilobytes.reduce((sum, value) => sum + value, 0) / 1024;
}

/** The agent and its keeper. */
export async function engineProcesses(engine: NativeEngine): Promise<{ agent: number; keeper: number }> {
  const children = (await succeed('pgrep', ['-P', String(engine.pid())])).trim().split('\n').map(Number);
  // Its children have its name, and numbers begin anew.
  const keeper = (await command('pgrep', ['--oldest', '-f', `berth-keeper.*${engine.execRoot}`])).stdout;
  return { agent: children[0] ?? 0, keeper: Number(keeper) };
}
