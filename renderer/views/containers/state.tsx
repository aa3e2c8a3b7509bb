import type { ContainerRow } from '../../model/index.ts';

/** How a container's state looks. */
export function stateOf({ state, health, status }: ContainerRow): 'running' | 'warning' | 'failed' | 'stopped' {
  if (health === 'unhealthy' || state === 'dead') return 'failed';
  if (state === 'restarting' || state === 'paused' || state === 'removing') return 'warning';
  if (state === 'running') return 'running';
  return state === 'exited' && endedBadly(status) ? 'failed' : 'stopped';
}

/** Ended by itself with an error: not by a stop (143, 137) or a Ctrl-C (130). */
export function endedBadly(status: string): boolean {
  const code = Number(/^Exited \((\d+)\)/.exec(status)?.[1] ?? 0);
  return code !== 0 && code !== 143 && code !== 137 && code !== 130;
}
