import { existsSync } from 'node:fs';
import { type Cgroup, openCgroups } from '../cgroups/index.ts';
import { type ContainerStore, type SavedContainer, startTimeOf } from './container-store.ts';

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** runtime.md#state. `pid` is 0 for a container that has stopped. */
export interface StateDocument {
  ociVersion: string;
  id: string;
  status: Status;
  pid?: number;
  bundle: string;
  annotations?: Record<string, string>;
}

export const cgroupOf = ({ cgroupsPath }: SavedContainer): Cgroup => openCgroups().open(cgroupsPath);

/** What the kernel and the gate tell, whoever asks. */
export function statusOf(container: SavedContainer, store: ContainerStore): Status {
  const { id, pid, startTime } = container;
  if (startTimeOf(pid) !== startTime) return 'stopped';
  if (existsSync(store.gate(id))) return 'created';
  return cgroupOf(container).frozen() ? 'paused' : 'running';
}

/** As `state` prints it and hooks read it. */
export function stateDocument(
  { id, bundle, config }: Pick<SavedContainer, 'id' | 'bundle' | 'config'>,
  status: Status,
  pid: number,
): StateDocument {
  const { annotations, ociVersion } = config;
  return {
    ...{ ociVersion, id, status, pid: status === 'stopped' ? 0 : pid, bundle },
    ...(annotations ? { annotations } : {}),
  };
}
