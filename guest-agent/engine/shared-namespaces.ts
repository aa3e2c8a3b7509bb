import { existsSync } from 'node:fs';
import type { ContainerRef } from '../../contracts/brand.ts';
import { conflict, invalidArgument } from '../../contracts/errors.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';

/** `/dev/shm` of this mount namespace, a path below `/proc`; without one, of the machine. */
export interface SharedShm {
  mountNamespace?: string;
}

/** What a container takes from another one, or from the host, instead of having its own. */
export interface SharedNamespaces {
  ipcNamespace?: string;
  pidNamespace?: string;
  /** What becomes /dev/shm: the machine's, or another container's; absent: a tmpfs of its own. */
  shm?: SharedShm;
  /** `--ipc host` on a machine that has /dev/mqueue. */
  hostMqueue: boolean;
}

/** `--pid` and `--ipc`: `host`, `container:x`, and for the donor of an IPC namespace `shareable`. */
export function sharedNamespaces(record: ContainerRecord, context: EngineContext): SharedNamespaces {
  const { IpcMode: ipcMode = '', PidMode: pidMode = '' } = record.hostConfig;
  const ipc = donorOf(ipcMode, 'IPC', context);
  const pid = donorOf(pidMode, 'PID', context);
  return {
    ...(pid ? { pidNamespace: `/proc/${pid.pid}/ns/pid` } : {}),
    ...(ipc ? { ipcNamespace: `/proc/${ipc.pid}/ns/ipc`, shm: donatedShm(ipc) } : {}),
    ...(ipcMode === 'host' && existsSync('/dev/shm') ? { shm: {} } : {}),
    hostMqueue: ipcMode === 'host' && existsSync('/dev/mqueue'),
  };
}

function donorOf(
  mode: string,
  kind: string,
  context: EngineContext,
): { pid: number; record: ContainerRecord } | undefined {
  if (!mode.startsWith('container:')) return undefined;
  const failure = `failed to join ${kind} namespace`;
  const ref = mode.slice('container:'.length);
  if (ref === '') throw invalidArgument(`${failure}: invalid name or ID supplied: ""`);
  const other = context.index.getByRef(ref as ContainerRef);
  if (!other.live) throw conflict(`${failure}: container ${other.id} is not running`);
  return { pid: other.live.process.pid, record: other.record };
}

function donatedShm({ pid, record: { id, hostConfig } }: { pid: number; record: ContainerRecord }): SharedShm {
  if (hostConfig.IpcMode === 'host') return {};
  if (hostConfig.IpcMode === 'shareable') return { mountNamespace: `/proc/${pid}/ns/mnt` };
  throw invalidArgument(
    `failed to join IPC namespace: container ${id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  );
}
