import type { VNode } from 'vue';
import { stateDot } from '../../components/index.ts';
import type { ContainerRow } from '../../model/index.ts';
import { t, useContainers } from '../../stores/index.ts';

/** How a container's state looks. */
export function stateOf({ state, health, status }: ContainerRow): 'running' | 'warning' | 'failed' | 'stopped' {
  if (health === 'unhealthy' || state === 'dead') return 'failed';
  if (state === 'restarting' || state === 'paused' || state === 'removing') return 'warning';
  if (state === 'running') return 'running';
  return state === 'exited' && endedBadly(status) ? 'failed' : 'stopped';
}

/** What the program of a container has ended with, by Docker's words; 0 for all that has not ended. */
export const exitCode = (status: string): number => Number(/^Exited \((\d+)\)/.exec(status)?.[1] ?? 0);

/** Ended by itself with an error: not by a stop (143, 137) or a Ctrl-C (130). */
export function endedBadly(status: string): boolean {
  const code = exitCode(status);
  return code !== 0 && code !== 143 && code !== 137 && code !== 130;
}

/** What a container does, in a word or two: what is being done to it, that it is unwell, how it has ended. */
export function containerState(row: ContainerRow): VNode {
  const busy = useContainers().busy.get(row.id);
  if (busy) return stateDot('warning', t().containers.busy[busy]);
  const texts = t().states;
  const code = exitCode(row.status);
  const word = row.health === 'unhealthy' ? texts.unhealthy : texts[row.state] + (code ? ` (${code})` : '');
  return stateDot(stateOf(row), word, row.status);
}
