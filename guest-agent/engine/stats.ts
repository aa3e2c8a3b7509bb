import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlkioEntry, BlkioStats, CpuStats, NetworkStats, StatsDocument } from '../../contracts/docker/stats.ts';
import type { BlockIoEntry, CgroupStats } from '../cgroups/index.ts';
import type { InterfaceStatistics } from '../networks/index.ts';
import type { ContainerActor } from './container.ts';
import type { EngineContext } from './context.ts';
import { cpuCount } from './cpu-count.ts';

const intervalMs = 1000;
const zeroTime = '0001-01-01T00:00:00Z';

interface Reading {
  read: string;
  cpu: CpuStats;
}

/**
 * `docker stats`: one document each second, or one of two readings a second apart, or at once when one-shot.
 * A container that does not run shows zeros, as in Docker.
 */
export async function* watchStats(
  container: ContainerActor,
  options: { stream: boolean; oneShot: boolean },
  signal: AbortSignal,
  context: EngineContext,
): AsyncGenerator<StatsDocument> {
  let previous: Reading = { read: zeroTime, cpu: noCpu() };
  if (!options.stream && !options.oneShot && container.live) {
    previous = readingOf(measure(container, previous, context));
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  while (!signal.aborted) {
    const document = measure(container, previous, context);
    yield document;
    if (!options.stream || container.status === 'removing') return;
    previous = readingOf(document);
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

const readingOf = (document: StatsDocument): Reading => ({ read: document.read, cpu: document.cpu_stats });

function measure(container: ContainerActor, previous: Reading, context: EngineContext): StatsDocument {
  const base = { id: container.id, name: `/${container.name}`, preread: previous.read, precpu_stats: previous.cpu };
  const live = container.live;
  if (!live) return { ...base, read: zeroTime, ...nothing() };
  const stats = live.cgroup.stats();
  const networks = context.rooms.networks.statistics(container.id);
  return {
    ...base,
    read: new Date().toISOString(),
    ...toDocument(stats, systemCpuNs(), totalmem()),
    ...(Object.keys(networks).length > 0 ? { networks: toNetworks(networks) } : {}),
  };
}

type Measured = Omit<StatsDocument, 'id' | 'name' | 'read' | 'preread' | 'precpu_stats' | 'networks'>;

/** What the cgroup counted, in Docker's shape. */
export function toDocument(stats: CgroupStats, systemNs: number, machineMemory: number): Measured {
  const { cpu, memory, pids } = stats;
  return {
    pids_stats: { current: pids.current, limit: pids.limit ?? 0 },
    blkio_stats: toBlkioStats(stats.blockIo),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: {
      cpu_usage: {
        total_usage: cpu.totalNs,
        ...(cpu.perCpuNs ? { percpu_usage: cpu.perCpuNs } : {}),
        usage_in_kernelmode: cpu.systemNs,
        usage_in_usermode: cpu.userNs,
      },
      system_cpu_usage: systemNs,
      online_cpus: cpuCount,
      throttling_data: {
        periods: cpu.throttling.periods,
        throttled_periods: cpu.throttling.throttledPeriods,
        throttled_time: cpu.throttling.throttledNs,
      },
    },
    memory_stats: {
      usage: memory.usageBytes,
      ...(memory.maxUsageBytes ? { max_usage: memory.maxUsageBytes } : {}),
      stats: memory.counters,
      ...(memory.failures ? { failcnt: memory.failures } : {}),
      limit: Math.min(memory.limitBytes ?? machineMemory, machineMemory),
    },
  };
}

const noBlockIo = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

const noCpu = (): CpuStats => ({
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
});

const nothing = (): Measured => ({
  pids_stats: {},
  blkio_stats: noBlockIo,
  num_procs: 0,
  storage_stats: {},
  cpu_stats: noCpu(),
  memory_stats: {},
});

function toBlkioStats({ serviceBytes, serviced, ...more }: CgroupStats['blockIo']): BlkioStats {
  const list = (entries: BlockIoEntry[] | undefined): BlkioEntry[] | null => entries?.map(toBlkio) ?? null;
  return {
    io_service_bytes_recursive: list(serviceBytes),
    io_serviced_recursive: list(serviced),
    io_queue_recursive: list(more.queued),
    io_service_time_recursive: list(more.serviceTime),
    io_wait_time_recursive: list(more.waitTime),
    io_merged_recursive: list(more.merged),
    io_time_recursive: list(more.time),
    sectors_recursive: list(more.sectors),
  };
}

const toBlkio = ({ major, minor, operation, value }: BlockIoEntry): BlkioEntry => ({
  major,
  minor,
  op: operation,
  value,
});

function toNetworks(interfaces: Record<string, InterfaceStatistics>): Record<string, NetworkStats> {
  return Object.fromEntries(
    Object.entries(interfaces).map(([name, counted]) => [
      name,
      {
        rx_bytes: counted.rxBytes,
        rx_packets: counted.rxPackets,
        rx_errors: counted.rxErrors,
        rx_dropped: counted.rxDropped,
        tx_bytes: counted.txBytes,
        tx_packets: counted.txPackets,
        tx_errors: counted.txErrors,
        tx_dropped: counted.txDropped,
      },
    ]),
  );
}

/** Nanoseconds that all CPUs together have been busy or idle: the first seven columns of /proc/stat, of 10 ms each. */
function systemCpuNs(): number {
  const [, ...ticks] = (readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '').split(/\s+/);
  return ticks.slice(0, 7).reduce((sum, value) => sum + Number(value), 0) * 10_000_000;
}
