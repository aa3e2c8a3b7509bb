/** One counter of block devices; `operation` as each version writes it: `Read`, `Total`; on v2 `read` and `write`. */
export interface BlockIoEntry {
  major: number;
  minor: number;
  operation: string;
  value: number;
}

/** What the kernel counted for a cgroup. Times are nanoseconds, sizes bytes. */
export interface CgroupStats {
  cpu: {
    totalNs: number;
    userNs: number;
    systemNs: number;
    /** v1 only. */
    perCpuNs?: number[];
    throttling: { periods: number; throttledPeriods: number; throttledNs: number };
  };
  memory: {
    usageBytes: number;
    /** v1, and v2 since Linux 5.19. */
    maxUsageBytes?: number;
    /** Absent: no limit of its own. */
    limitBytes?: number;
    /** How often the limit was hit; on v2, how often that went beyond reclaiming. */
    failures?: number;
    /** `memory.stat` as it is. */
    counters: Record<string, number>;
  };
  pids: { current: number; limit?: number };
  /** v1's CFQ filled the lists after the first two; a list is absent where the version has no such counter. */
  blockIo: Record<'serviceBytes' | 'serviced', BlockIoEntry[]> & Partial<Record<BlockIoCounter, BlockIoEntry[]>>;
}

export type BlockIoCounter = 'queued' | 'serviceTime' | 'waitTime' | 'merged' | 'time' | 'sectors';

/** `name value` lines. */
export function parseCounters(text: string): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const [name, value] = line.split(' ');
    if (name && value !== undefined) counters[name] = Number(value);
  }
  return counters;
}

/** A number or `max`; undefined for none. v1 writes "no limit" as the largest multiple of a page in 63 bits. */
export function parseLimit(text: string): number | undefined {
  const value = Number(text.trim());
  return text.trim() === '' || !Number.isFinite(value) || value >= 2 ** 62 ? undefined : value;
}

/** `8:0 Read 4096` and `8:0 4096` lines of v1's blkio files; the total of all devices is left out. */
export function parseBlkio(text: string): BlockIoEntry[] {
  const entries: BlockIoEntry[] = [];
  for (const line of text.split('\n')) {
    const [device = '', ...words] = line.split(' ');
    const [major, minor] = device.split(':');
    const value = words.pop();
    if (value === undefined || minor === undefined) continue;
    entries.push({ major: Number(major), minor: Number(minor), operation: words[0] ?? '', value: Number(value) });
  }
  return entries;
}

const ioKeys = {
  rbytes: ['serviceBytes', 'read'],
  wbytes: ['serviceBytes', 'write'],
  rios: ['serviced', 'read'],
  wios: ['serviced', 'write'],
} as const;

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …` lines of v2's io.stat. */
export function parseIoStat(text: string): CgroupStats['blockIo'] {
  const result: CgroupStats['blockIo'] = { serviceBytes: [], serviced: [] };
  for (const line of text.split('\n')) {
    const [device = '', ...pairs] = line.split(' ');
    const [major, minor] = device.split(':').map(Number);
    if (major === undefined || minor === undefined) continue;
    for (const pair of pairs) {
      const [key = '', value] = pair.split('=');
      if (!Object.hasOwn(ioKeys, key)) continue;
      const [list, operation] = ioKeys[key as keyof typeof ioKeys];
      result[list].push({ major, minor, operation, value: Number(value) });
    }
  }
  return result;
}
