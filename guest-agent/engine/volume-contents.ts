import type { Readable } from 'node:stream';
import { conflict, messageOf } from '../../contracts/errors.ts';
import type { ContainerActor } from './container.ts';
import type { EngineContext } from './context.ts';

const runningWith = (name: string, { index }: EngineContext): ContainerActor[] =>
  index.all().filter(({ live, record }) => live && record.mounts.some(mount => mount.name === name));

/** @throws conflict while somebody would see the files change under him */
export function assertAtRest(name: string, context: EngineContext): void {
  const users = runningWith(name, context).map(({ id }) => id);
  if (users.length > 0) throw conflict(`volume ${name} is in use by running containers - [${users.join(', ')}]`);
}

/** Freezes what runs with the volume and is not frozen yet; the answer lets it go on. */
export async function freezeUsers(name: string, context: EngineContext): Promise<() => Promise<void>> {
  const frozen: ContainerActor[] = [];
  const thaw = async (): Promise<void> => {
    for (const container of frozen.splice(0)) {
      await container.unpause().catch(error => {
        context.log.warn('A container stays frozen', { id: container.id, error: messageOf(error) });
      });
    }
  };
  try {
    for (const container of runningWith(name, context)) {
      if (container.status !== 'running') continue;
      await container.pause();
      frozen.push(container);
    }
    return thaw;
  } catch (error) {
    await thaw();
    throw error;
  }
}

/** The volume as a tar, which ends what was done for it. */
export async function exportVolume(name: string, pause: boolean, context: EngineContext): Promise<Readable> {
  const { volumes } = context.rooms;
  volumes.get(name);
  const thaw = pause ? await freezeUsers(name, context) : undefined;
  try {
    const tar = await volumes.contents.export(name);
    return tar.once('close', () => void thaw?.());
  } catch (error) {
    await thaw?.();
    throw error;
  }
}
