import type { ContainerRef } from '../../contracts/brand.ts';
import { conflict } from '../../contracts/errors.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';

/** `--pid container:x` and `--ipc container:x`: namespaces of another container, and its /dev/shm. */
export function sharedNamespaces(
  { hostConfig }: ContainerRecord,
  context: EngineContext,
): { ipcNamespace?: string; pidNamespace?: string; shmSource?: string } {
  const ipc = pidOf(hostConfig.IpcMode, 'IPC', context);
  const pid = pidOf(hostConfig.PidMode, 'PID', context);
  return {
    ...(ipc ? { ipcNamespace: `/proc/${ipc}/ns/ipc`, shmSource: `/proc/${ipc}/root/dev/shm` } : {}),
    ...(hostConfig.IpcMode === 'host' ? { shmSource: '/dev/shm' } : {}),
    ...(pid ? { pidNamespace: `/proc/${pid}/ns/pid` } : {}),
  };
}

function pidOf(mode: string | undefined, kind: string, context: EngineContext): number | undefined {
  const ref = mode?.startsWith('container:') ? mode.slice('container:'.length) : undefined;
  if (ref === undefined) return undefined;
  const other: ContainerActor = context.index.getByRef(ref as ContainerRef);
  const pid = other.live?.process.pid;
  if (!pid) throw conflict(`cannot join ${kind} namespace of a non running container: ${other.id}`);
  return pid;
}
