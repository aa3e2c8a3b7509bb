import { shallowRef, watch } from 'vue';
import { containerList } from '../../../contracts/docker/container-routes.ts';
import { systemDiskUsage } from '../../../contracts/docker/system-routes.ts';
import { engine, useContainers, useVolumes } from '../../stores/index.ts';

/** A container with a volume. */
export interface VolumeUser {
  id: string;
  name: string;
  running: boolean;
  /** Where the volume is in it. */
  path: string;
}

/** Sizes and users of volumes, measured when a list changes, not all the time. */
export function useVolumeUsage() {
  const volumes = useVolumes();
  const containers = useContainers();
  const sizes = shallowRef(new Map<string, number>());
  const users = shallowRef(new Map<string, VolumeUser[]>());
  watch([() => volumes.items, () => containers.rows.map(({ id, state }) => id + state).join()], measure, {
    immediate: true,
  });

  async function measure(): Promise<void> {
    const [usage, list] = await Promise.all([
      engine.json(systemDiskUsage, { query: { type: ['volume'] } }).catch(() => undefined),
      engine.json(containerList, { query: { all: true } }).catch(() => []),
    ]);
    sizes.value = new Map((usage?.Volumes ?? []).map(({ Name, UsageData }) => [Name, UsageData?.Size ?? -1]));
    const pairs = list.flatMap(({ Id, Mounts, Names, State }) =>
      Mounts.flatMap(({ Name, Destination }) => {
        const user = { id: Id, name: (Names[0] ?? '/').slice(1), running: State === 'running', path: Destination };
        return Name ? [{ volume: Name, user }] : [];
      }),
    );
    const groups = Map.groupBy(pairs, ({ volume }) => volume);
    users.value = new Map([...groups].map(([volume, all]) => [volume, all.map(({ user }) => user)]));
  }

  return {
    measure,
    /** In bytes; −1 where it is not known. */
    sizeOf: (name: string): number => sizes.value.get(name) ?? -1,
    usersOf: (name: string): readonly VolumeUser[] => users.value.get(name) ?? [],
  };
}

export type VolumeUsage = ReturnType<typeof useVolumeUsage>;
