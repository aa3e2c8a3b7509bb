import type { BlockIoEntry, CgroupStats } from '../cgroups/index.ts';

/** `events --stats`: the document of runc (types/events.go). */
export function statisticsDocument({ cpu, memory, pids, blockIo }: CgroupStats): object {
  const block = (entries: BlockIoEntry[] | undefined): object[] =>
    (entries ?? []).map(({ major, minor, operation, value }) => ({ major, minor, op: operation, value }));
  return {
    cpu: {
      usage: { total: cpu.totalNs, percpu: cpu.perCpuNs ?? [], kernel: cpu.systemNs, user: cpu.userNs },
      throttling: {
        periods: cpu.throttling.periods,
        throttledPeriods: cpu.throttling.throttledPeriods,
        throttledTime: cpu.throttling.throttledNs,
      },
    },
    memory: {
      usage: {
        ...{ usage: memory.usageBytes, max: memory.maxUsageBytes ?? 0, failcnt: memory.failures ?? 0 },
        ...(memory.limitBytes === undefined ? {} : { limit: memory.limitBytes }),
      },
      raw: memory.counters,
    },
    pids: { current: pids.current, ...(pids.limit === undefined ? {} : { limit: pids.limit }) },
    blkio: {
      ioServiceBytesRecursive: block(blockIo.serviceBytes),
      ioServicedRecursive: block(blockIo.serviced),
      ioQueueRecursive: block(blockIo.queued),
      ioServiceTimeRecursive: block(blockIo.serviceTime),
      ioWaitTimeRecursive: block(blockIo.waitTime),
      ioMergedRecursive: block(blockIo.merged),
      ioTimeRecursive: block(blockIo.time),
      sectorsRecursive: block(blockIo.sectors),
    },
    hugetlb: {},
    intel_rdt: {},
    network_interfaces: null,
  };
}
