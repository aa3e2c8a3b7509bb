import type { Kept } from '../kept.ts';
import { toUsageFilters } from '../prune.ts';
import type { Usage } from '../usage.ts';
import { decode, encode, timestampOf } from './messages.ts';
import { type GrpcCall, onlyMessage } from './server.ts';

interface PruneMessage {
  all: boolean;
  filter: string[];
  /** In nanoseconds. */
  keepDuration: number;
  reservedSpace: number;
  maxUsedSpace: number;
  minFreeSpace: number;
}

const toUsageRecord = (usage: Usage): object => ({
  ID: usage.id,
  Mutable: usage.type === 'exec.cachemount',
  InUse: usage.inUse,
  Size: usage.size,
  CreatedAt: timestampOf(usage.createdAt),
  LastUsedAt: timestampOf(usage.lastUsedAt),
  UsageCount: usage.usageCount,
  Description: usage.description,
  RecordType: usage.type,
  Shared: usage.shared,
});

/** DiskUsage: what builds left. */
export async function sendUsage(kept: Kept, call: GrpcCall): Promise<void> {
  const { filter } = decode<{ filter: string[] }>('DiskUsageRequest', await onlyMessage(call));
  const filters = toUsageFilters(filter);
  const usages = (await kept.list()).filter(each => filters.length === 0 || filters.some(is => is(each)));
  await call.send(encode('DiskUsageResponse', { record: usages.map(toUsageRecord) }));
}

/** Prune: tells of each that went. */
export async function prune(kept: Kept, call: GrpcCall): Promise<void> {
  const asked = decode<PruneMessage>('PruneRequest', await onlyMessage(call));
  const { usages } = await kept.prune({
    all: asked.all,
    filters: toUsageFilters(asked.filter),
    unusedForMs: asked.keepDuration / 1e6,
    reservedBytes: asked.reservedSpace,
    maxUsedBytes: asked.maxUsedSpace,
    minFreeBytes: asked.minFreeSpace,
  });
  for (const usage of usages) await call.send(encode('UsageRecord', toUsageRecord(usage)));
}
