import { conflict } from '../../contracts/errors.ts';
import type { StartPhase } from './start-phases.ts';

/** What a machine is doing. Dates are ISO texts: the state is shown by other programs. */
export type MachineState =
  | { status: 'stopped' }
  | { status: 'starting'; phase: StartPhase; since: string }
  | { status: 'running'; since: string; description: string; adopted: boolean }
  | { status: 'stopping'; since: string }
  | { status: 'failed'; since: string; message: string; phase?: StartPhase; repair?: string };

/** @throws conflict when a start makes no sense now. */
export function beginStart(state: MachineState, since: string): MachineState {
  if (state.status === 'stopped' || state.status === 'failed') return { status: 'starting', phase: 'image', since };
  throw conflict(`The machine is ${state.status} already`);
}

/** Stopping what is stopped is no error: `down` may be said twice. */
export function beginStop(state: MachineState, since: string): MachineState {
  return state.status === 'stopped' ? state : { status: 'stopping', since };
}
