import type { Resources } from '../../contracts/docker/host-config.ts';
import type { LinuxResources, ThrottleDevice } from '../../contracts/oci/runtime-spec.ts';

/** Finds the numbers of a device node. @throws when there is none at `path` */
export type DeviceNumbers = (path: string) => { major: number; minor: number };

const cpuPeriodUs = 100_000;

/** The limits of a host config as the runtime specification writes them; only what is set. */
export function toLinuxResources(wanted: Resources, numbersOf: DeviceNumbers): LinuxResources {
  return {
    ...section('memory', memoryOf(wanted)),
    ...section('cpu', cpuOf(wanted)),
    ...section('blockIO', blockIoOf(wanted, numbersOf)),
    ...(wanted.PidsLimit ? { pids: { limit: wanted.PidsLimit > 0 ? wanted.PidsLimit : -1 } } : {}),
  };
}

function section<Key extends string, Value extends object>(key: Key, value: Value): { [K in Key]?: Value } {
  const set = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return set.length > 0 ? ({ [key]: Object.fromEntries(set) } as { [K in Key]?: Value }) : {};
}

function memoryOf(wanted: Resources): NonNullable<LinuxResources['memory']> {
  const swappiness = wanted.MemorySwappiness ?? -1;
  return {
    limit: wanted.Memory || undefined,
    reservation: wanted.MemoryReservation || undefined,
    swap: wanted.MemorySwap || undefined,
    swappiness: swappiness >= 0 ? swappiness : undefined,
    disableOOMKiller: wanted.OomKillDisable || undefined,
  };
}

function cpuOf(wanted: Resources): NonNullable<LinuxResources['cpu']> {
  const byNano = wanted.NanoCpus
    ? { period: cpuPeriodUs, quota: Math.floor((wanted.NanoCpus * cpuPeriodUs) / 1e9) }
    : { period: wanted.CpuPeriod || undefined, quota: wanted.CpuQuota || undefined };
  return {
    ...byNano,
    shares: wanted.CpuShares || undefined,
    cpus: wanted.CpusetCpus || undefined,
    mems: wanted.CpusetMems || undefined,
    realtimePeriod: wanted.CpuRealtimePeriod || undefined,
    realtimeRuntime: wanted.CpuRealtimeRuntime || undefined,
  };
}

function blockIoOf(wanted: Resources, numbersOf: DeviceNumbers): NonNullable<LinuxResources['blockIO']> {
  const throttles = (list: Resources['BlkioDeviceReadBps']): ThrottleDevice[] | undefined =>
    list?.length ? list.map(({ Path, Rate }) => ({ ...numbersOf(Path ?? ''), rate: Rate ?? 0 })) : undefined;
  const weights = wanted.BlkioWeightDevice?.map(({ Path, Weight }) => ({ ...numbersOf(Path ?? ''), weight: Weight }));
  return {
    weight: wanted.BlkioWeight || undefined,
    weightDevice: weights?.length ? weights : undefined,
    throttleReadBpsDevice: throttles(wanted.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(wanted.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(wanted.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(wanted.BlkioDeviceWriteIOps),
  };
}
