import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { EventType } from '../../contracts/docker/events.ts';
import { imageList } from '../../contracts/docker/image-routes.ts';
import type { ImageSummary } from '../../contracts/docker/images.ts';
import { networkList } from '../../contracts/docker/network-routes.ts';
import type { NetworkInspect } from '../../contracts/docker/networks.ts';
import { volumeList } from '../../contracts/docker/volume-routes.ts';
import type { VolumeDocument } from '../../contracts/docker/volumes.ts';
import { engine } from './clients.ts';
import { useConnection } from './connection.ts';

const gatherMs = 50;

/** A list that is read at first and again when an event of one of `types` comes. */
function eventList<T>(types: readonly EventType[], read: () => Promise<T[]>) {
  const items = shallowRef<T[]>([]);
  const loaded = shallowRef(false);
  let gathering: ReturnType<typeof setTimeout> | undefined;
  const refresh = async (): Promise<void> => {
    gathering = undefined;
    items.value = await read();
    loaded.value = true;
  };
  /** Resolves when it has been read, also by who asks first. @throws EngineError */
  const ready = async (): Promise<void> => (loaded.value ? undefined : refresh());
  // an engine that goes away meanwhile is told by its stream of events; then all is read anew
  const quietly = (): void => void refresh().catch(() => undefined);
  useConnection().follow(refresh, ({ Type, Action }) => {
    const counts = types.includes(Type) && !Action.startsWith('exec_') && Action !== 'mount' && Action !== 'unmount';
    if (counts && gathering === undefined) gathering = setTimeout(quietly, gatherMs);
  });
  return { items, loaded, refresh, ready };
}

export const useImages = defineStore('images', () =>
  eventList<ImageSummary>(['image'], () => engine.json(imageList, {})),
);

export const useVolumes = defineStore('volumes', () =>
  eventList<VolumeDocument>(['volume'], async () => (await engine.json(volumeList)).Volumes ?? []),
);

export const useNetworks = defineStore('networks', () =>
  eventList<NetworkInspect>(['network'], () => engine.json(networkList)),
);
