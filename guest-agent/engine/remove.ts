import { messageOf } from '../../contracts/errors.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { dropImages } from './image-mounts.ts';

/**
 * Takes away what a stopped container has on disk. The record goes first: a crash in between leaves a snapshot without
 * a record, which the next start sweeps, and never a record without its snapshot. Its nameless volumes are swept, too,
 * unless they were let go.
 */
export async function removeResources(
  record: ContainerRecord,
  volumes: boolean,
  context: EngineContext,
): Promise<void> {
  if (!volumes) for (const name of record.anonymousVolumes) await context.rooms.volumes.letGo(name);
  await context.records.remove(record.id);
  await context.rooms.snapshots.remove(record.id);
  await dropImages(record.mounts, context);
  if (!volumes) return;
  for (const name of record.anonymousVolumes) await removeVolume(name, record, context);
}

/** A volume that another container took over by --volumes-from stays. */
async function removeVolume(
  name: string,
  record: ContainerRecord,
  { rooms, index, events, log }: EngineContext,
): Promise<void> {
  const inUse = index
    .all()
    .filter(other => other.id !== record.id && other.record.mounts.some(mount => mount.name === name))
    .map(other => other.id);
  if (inUse.length > 0) return rooms.volumes.letGo(name);
  try {
    await rooms.volumes.remove(name, { force: true, inUse: [] });
    events.emit({ type: 'volume', action: 'destroy', id: name, attributes: { driver: 'local' } });
  } catch (error) {
    log.warn('An anonymous volume stays', { name, id: record.id, error: messageOf(error) });
  }
}
