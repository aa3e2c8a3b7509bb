import { conflict, internal, notModified } from '../../contracts/errors.ts';

/** How a run ended. `error` is the engine's own word on it, when there is one. */
export interface Ending {
  exitCode: number;
  startedAt: string;
  finishedAt: string;
  oomKilled: boolean;
  error?: string;
}

/** Why the last start did not get to a process. It does not change what the container was before. */
export interface StartFailure {
  exitCode: number;
  error: string;
}

/** A state carries exactly what exists in it. Times are RFC 3339. */
export type ContainerState =
  | { status: 'created'; failure?: StartFailure }
  | { status: 'running'; pid: number; startedAt: string }
  | { status: 'paused'; pid: number; startedAt: string }
  | ({ status: 'restarting' } & Ending)
  | ({ status: 'exited'; failure?: StartFailure } & Ending)
  | ({ status: 'dead' } & Ending);

export type Status = ContainerState['status'] | 'removing';

type Alive = Extract<ContainerState, { pid: number }>;

/** Has a process: running or paused. */
export const isAlive = (state: ContainerState): state is Alive =>
  state.status === 'running' || state.status === 'paused';

/** @throws not-modified when it runs, conflict when it cannot be started */
export function assertStartable(state: ContainerState): void {
  if (state.status === 'running') throw notModified();
  if (state.status === 'paused') throw conflict('cannot start a paused container, try unpause instead');
  if (state.status === 'dead') throw conflict('container is marked for removal and cannot be started');
}

export const started = (pid: number, startedAt: string): ContainerState => ({ status: 'running', pid, startedAt });

/** The state after a start that got nowhere: what it was, and why. */
export function startFailed(before: ContainerState, failure: StartFailure): ContainerState {
  if (before.status === 'created') return { status: 'created', failure };
  if (before.status === 'exited' || before.status === 'restarting') return { ...before, status: 'exited', failure };
  return before;
}

/** The end of a run: `next` says whether the restart policy will start it again. */
export function ended(
  state: ContainerState,
  result: { exitCode: number; finishedAt: string; oomKilled: boolean; error?: string },
  next: 'exited' | 'restarting',
): ContainerState {
  const startedAt = isAlive(state) ? state.startedAt : result.finishedAt;
  return { status: next, startedAt, ...result };
}

/** @throws conflict in Docker's words */
export function paused(state: ContainerState, id: string): ContainerState {
  if (state.status === 'paused') throw conflict(`Container ${id} is already paused`);
  if (state.status === 'restarting')
    throw conflict(`Container ${id} is restarting, wait until the container is running`);
  if (state.status !== 'running') throw conflict(`container ${id} is not running`);
  return { ...state, status: 'paused' };
}

/** @throws conflict in Docker's words */
export function unpaused(state: ContainerState, id: string): ContainerState {
  if (state.status !== 'paused') throw internal(`Container ${id} is not paused`);
  return { ...state, status: 'running' };
}

/** What `wait` answers for a container that does not run. */
export function lastExitCode(state: ContainerState): number {
  if ('failure' in state && state.failure) return state.failure.exitCode;
  return 'exitCode' in state ? state.exitCode : 0;
}
