import type { Resources } from '../../contracts/docker/host-config.ts';
import { invalidArgument } from '../../contracts/errors.ts';
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

const leastMemory = 6 * 1024 * 1024;

/** What the machine has, for the limits that depend on it. */
export interface MachineLimits {
  cpus: number;
}

/** @throws invalid-argument in Docker's words (daemon_unix.go, verifyPlatformContainerResources) */
export function checkResources(wanted: Resources, machine: MachineLimits): void {
  checkMemory(wanted);
  checkCpu(wanted, machine);
  const weight = wanted.BlkioWeight ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw invalidArgument('Range of blkio weight is from 10 to 1000');
}

function checkMemory(wanted: Resources): void {
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reservation = 0, MemorySwappiness } = wanted;
  if (memory !== 0 && memory < leastMemory) throw invalidArgument('Minimum memory limit allowed is 6MB');
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalidArgument('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (memory === 0 && swap > 0) {
    throw invalidArgument('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
  if (MemorySwappiness !== undefined && (MemorySwappiness < -1 || MemorySwappiness > 100)) {
    throw invalidArgument(`Invalid value: ${MemorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (reservation !== 0 && reservation < leastMemory) {
    throw invalidArgument('Minimum memory reservation allowed is 6MB');
  }
  if (memory > 0 && memory < reservation) {
    throw invalidArgument('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
}

function checkCpu(wanted: Resources, machine: MachineLimits): void {
  const { NanoCpus: nano = 0, CpuPeriod: period = 0, CpuQuota: quota = 0, CpuShares: shares = 0 } = wanted;
  if (nano > 0 && period > 0) {
    throw invalidArgument('Conflicting options: Nano CPUs and CPU Period cannot both be set.');
  }
  if (nano > 0 && quota > 0) throw invalidArgument('Conflicting options: Nano CPUs and CPU Quota cannot both be set.');
  if (nano < 0 || nano > machine.cpus * 1e9) {
    throw invalidArgument(
      `range of CPUs is from 0.01 to ${machine.cpus.toFixed(2)}, as there are only ${machine.cpus} CPUs available`,
    );
  }
  if (shares < 0) throw invalidArgument(`invalid CPU shares (${shares}): value must be a positive integer`);
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalidArgument('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (quota > 0 && quota < 1000) throw invalidArgument('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  checkCpuset(wanted.CpusetCpus ?? '', machine);
}

function checkCpuset(text: string, machine: MachineLimits): void {
  if (text === '') return;
  const parts = text.split(',').map(part => /^(\d+)(?:-(\d+))?$/.exec(part.trim()));
  if (parts.includes(null)) throw invalidArgument(`Invalid value ${text} for cpuset cpus`);
  const highest = Math.max(...parts.map(part => Number(part?.[2] ?? part?.[1])));
  if (highest >= machine.cpus) {
    const available = machine.cpus > 1 ? `0-${machine.cpus - 1}` : '0';
    throw invalidArgument(`Requested CPUs are not available - requested ${text}, available: ${available}`);
  }
}
