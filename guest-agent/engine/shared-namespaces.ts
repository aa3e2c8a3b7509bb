import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerId, ContainerRef } from '../../contracts/brand.ts';
import { conflict, invalidArgument } from '../../contracts/errors.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { execDirectory } from './exec-directory.ts';

/** What a container takes from another one, or from the host, instead of having its own. */
export interface SharedNamespaces {
  ipcNamespace?: string;
  pidNamespace?: string;
  /** A folder of this machine that becomes /dev/shm; absent: a tmpfs of its own. */
  shmSource?: string;
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
    ...(ipc ? { ipcNamespace: `/proc/${ipc.pid}/ns/ipc`, shmSource: donatedShm(ipc.record, context) } : {}),
    ...(ipcMode === 'host' && existsSync('/dev/shm') ? { shmSource: '/dev/shm' } : {}),
    ...(ipcMode === 'shareable' ? { shmSource: sharedShm(record.id, context) } : {}),
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

/** Mounts do not cross namespaces: what two containers share is a folder that both bind. */
function sharedShm(id: ContainerId, { options }: EngineContext): string {
  const folder = join(execDirectory(options.execRoot, id), 'shm');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o1777);
  return folder;
}

function donatedShm({ id, hostConfig }: ContainerRecord, context: EngineContext): string {
  if (hostConfig.IpcMode === 'host') return '/dev/shm';
  if (hostConfig.IpcMode === 'shareable') return sharedShm(id, context);
  throw invalidArgument(
    `failed to join IPC namespace: container ${id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  );
}
