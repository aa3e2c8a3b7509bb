import type { Resources } from '../../contracts/docker/host-config.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { CgroupFeatures } from '../cgroups/index.ts';

const leastMemory = 6 * 1024 * 1024;

/** What the machine has, for the limits that depend on it. Without `features` its kernel is taken for one that can do all. */
export interface MachineLimits {
  cpus: number;
  features?: CgroupFeatures;
}

/** Limits as they will be kept, without those that this kernel does not have, and what to tell the user of these. */
export interface SettledResources<T extends Resources> {
  resources: T;
  warnings: string[];
}

/**
 * Every check of limits, each with the adjustment that belongs to it, in Docker's order (moby daemon_unix.go,
 * verifyPlatformContainerResources). `updating`: some rules hold for new containers only. Pure.
 * @throws invalid-argument in Docker's words
 */
export function settleResources<T extends Resources>(
  wanted: T,
  machine: MachineLimits,
  updating = false,
): SettledResources<T> {
  const settling: Settling = { resources: { ...wanted }, warnings: [], ...machine };
  settleMemory(settling, updating);
  settlePids(settling);
  settleCpu(settling);
  settleCpuset(settling);
  settleBlockIo(settling);
  return { resources: settling.resources as T, warnings: settling.warnings };
}

interface Settling extends MachineLimits {
  resources: Resources;
  warnings: string[];
}

type Feature = {
  [Key in keyof CgroupFeatures]: CgroupFeatures[Key] extends boolean ? Key : never;
}[keyof CgroupFeatures];

/** Takes limits out that the kernel does not have, with a warning. True when it did. */
function discard(settling: Settling, feature: Feature, keys: readonly (keyof Resources)[], warning: string): boolean {
  const { resources, features } = settling;
  const asked = keys.some(key => isAsked(resources[key]));
  if (!asked || !features || features[feature]) return false;
  settling.warnings.push(warning);
  for (const key of keys) delete resources[key];
  return true;
}

const isAsked = (value: Resources[keyof Resources]): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== undefined && value !== 0 && value !== '' && value !== false;

const lacks = (what: string, consequence: string): string =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${consequence}`;

function settleMemory(settling: Settling, updating: boolean): void {
  const { resources } = settling;
  if ((resources.Memory ?? 0) !== 0 && (resources.Memory ?? 0) < leastMemory) {
    throw invalidArgument('Minimum memory limit allowed is 6MB');
  }
  const noMemory = lacks('memory limit capabilities', 'Limitation discarded.');
  if (discard(settling, 'memoryLimit', ['Memory'], noMemory)) resources.MemorySwap = -1;
  settleSwap(settling, updating);
  settleSwappiness(settling);
  const noReservation = lacks('memory soft limit capabilities', 'Limitation discarded.');
  discard(settling, 'memoryReservation', ['MemoryReservation'], noReservation);
  const { Memory: memory = 0, MemoryReservation: reservation = 0 } = resources;
  if (reservation > 0 && reservation < leastMemory) throw invalidArgument('Minimum memory reservation allowed is 6MB');
  if (memory > 0 && memory < reservation) {
    throw invalidArgument('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  const noKillSwitch = 'Your kernel does not support OomKillDisable. OomKillDisable discarded.';
  discard(settling, 'oomKillDisable', ['OomKillDisable'], noKillSwitch);
  if (resources.OomKillDisable && memory === 0) {
    settling.warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  }
}

function settleSwap(settling: Settling, updating: boolean): void {
  const { resources, features } = settling;
  const { Memory: memory = 0 } = resources;
  if (memory > 0 && resources.MemorySwap !== -1 && features?.swapLimit === false) {
    settling.warnings.push(lacks('swap limit capabilities', 'Memory limited without swap.'));
    resources.MemorySwap = -1;
  }
  const { MemorySwap: swap = 0 } = resources;
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalidArgument('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (memory === 0 && swap > 0 && !updating) {
    throw invalidArgument('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
}

/** -1 is how old clients say nothing; 0 is a wish. */
function settleSwappiness(settling: Settling): void {
  const { resources, features } = settling;
  if (resources.MemorySwappiness === -1) delete resources.MemorySwappiness;
  if (resources.MemorySwappiness === undefined) return;
  if (features?.memorySwappiness === false) {
    settling.warnings.push(lacks('memory swappiness capabilities', 'Memory swappiness discarded.'));
    delete resources.MemorySwappiness;
    return;
  }
  if (resources.MemorySwappiness < 0 || resources.MemorySwappiness > 100) {
    throw invalidArgument(`Invalid value: ${resources.MemorySwappiness}, valid memory swappiness range is 0-100`);
  }
}

function settlePids(settling: Settling): void {
  if ((settling.resources.PidsLimit ?? 0) <= 0) return;
  discard(settling, 'pidsLimit', ['PidsLimit'], lacks('PIDs limit capabilities', 'PIDs limit discarded.'));
}

function settleCpu(settling: Settling): void {
  const { resources, cpus, features } = settling;
  const { NanoCpus: nano = 0 } = resources;
  if (nano > 0 && (resources.CpuPeriod ?? 0) > 0) {
    throw invalidArgument('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  }
  if (nano > 0 && (resources.CpuQuota ?? 0) > 0) {
    throw invalidArgument('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  }
  if (nano > 0 && features?.cpuCfsQuota === false) {
    throw invalidArgument(
      'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
    );
  }
  if (nano < 0 || nano > cpus * 1e9) {
    throw invalidArgument(`range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`);
  }
  discard(settling, 'cpuShares', ['CpuShares'], lacks('CPU shares', 'Shares discarded.'));
  const noQuota = 'Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.';
  discard(settling, 'cpuCfsQuota', ['CpuPeriod', 'CpuQuota'], noQuota);
  const { CpuPeriod: period = 0, CpuQuota: quota = 0, CpuPercent: percent = 0 } = resources;
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalidArgument('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (quota > 0 && quota < 1000) throw invalidArgument('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if (percent <= 0) return;
  settling.warnings.push('linux does not support CPU percent. Percent discarded.');
  delete resources.CpuPercent;
}

function settleCpuset(settling: Settling): void {
  const { resources, cpus, features } = settling;
  discard(settling, 'cpuSet', ['CpusetCpus', 'CpusetMems'], lacks('cpuset', 'Cpuset discarded.'));
  const { CpusetCpus = '', CpusetMems = '' } = resources;
  const range = cpus > 1 ? `0-${cpus - 1}` : '0';
  checkCpuset(CpusetCpus, features?.cpus || range, { kind: 'cpus', things: 'CPUs' });
  checkCpuset(CpusetMems, features?.mems || CpusetMems, { kind: 'mems', things: 'memory nodes' });
}

function checkCpuset(text: string, available: string, { kind, things }: { kind: string; things: string }): void {
  const wanted = parseCpuset(text);
  if (typeof wanted === 'string') throw invalidArgument(`Invalid value ${text} for cpuset ${kind}: ${wanted}`);
  const there = parseCpuset(available);
  if (typeof there === 'string' || [...wanted].every(number => there.has(number))) return;
  throw invalidArgument(`Requested ${things} are not available - requested ${text}, available: ${available}`);
}

/** More numbers than this have no machine behind them. */
const mostCpus = 8192;

/** cpuset(7), "List format": `0-2,7`. What is none is answered with what is wrong. */
function parseCpuset(text: string): Set<number> | string {
  const numbers = new Set<number>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to ?? from)];
    if (from === undefined || last < first) return `invalid format: ${text}`;
    if (last > mostCpus) return `value of out range, maximum is ${mostCpus}`;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}

function settleBlockIo(settling: Settling): void {
  const { resources } = settling;
  discard(settling, 'blkioWeight', ['BlkioWeight'], lacks('Block I/O weight', 'Weight discarded.'));
  const { BlkioWeight: weight = 0 } = resources;
  if (weight > 0 && (weight < 10 || weight > 1000)) {
    throw invalidArgument('Range of blkio weight is from 10 to 1000');
  }
  if (resources.IOMaximumBandwidth || resources.IOMaximumIOps) {
    throw invalidArgument('Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps');
  }
  const lists: [Feature, keyof Resources, string][] = [
    ['blkioWeightDevice', 'BlkioWeightDevice', lacks('Block I/O weight_device', 'Weight-device discarded.')],
    ['blkioReadBps', 'BlkioDeviceReadBps', lacks('BPS Block I/O read limit', 'Block I/O BPS read limit discarded.')],
    [
      'blkioWriteBps',
      'BlkioDeviceWriteBps',
      lacks('BPS Block I/O write limit', 'Block I/O BPS write limit discarded.'),
    ],
    ['blkioReadIOps', 'BlkioDeviceReadIOps', lacks('IOPS Block read limit', 'Block I/O IOPS read limit discarded.')],
    [
      'blkioWriteIOps',
      'BlkioDeviceWriteIOps',
      lacks('IOPS Block write limit', 'Block I/O IOPS write limit discarded.'),
    ],
  ];
  for (const [feature, key, warning] of lists) discard(settling, feature, [key], warning);
}

/** What is refused for new containers alone, whatever the kernel (moby runconfig/hostconfig_unix.go). @throws in Docker's words */
export function checkNewResources(wanted: Resources, { features }: MachineLimits): void {
  const { CpuRealtimePeriod: period = 0, CpuRealtimeRuntime: runtime = 0, CpuShares: shares = 0 } = wanted;
  const unsupported = (what: string): Error =>
    invalidArgument(`invalid option: QoS maximum ${what} configuration is not supported on linux`);
  if (wanted.IOMaximumBandwidth) throw unsupported('bandwidth');
  if (wanted.IOMaximumIOps) throw unsupported('IOPs');
  if (shares < 0) throw invalidArgument(`invalid CPU shares (${shares}): value must be a positive integer`);
  if ((period !== 0 || runtime !== 0) && features?.cpuRealtime === false) {
    throw invalidArgument('kernel does not support CPU real-time scheduler');
  }
  if (period !== 0 && runtime > period) {
    throw invalidArgument('cpu real-time runtime cannot be higher than cpu real-time period');
  }
}
