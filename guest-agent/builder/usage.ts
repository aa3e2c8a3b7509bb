import type { BuildCacheRecord } from '../../contracts/docker/system.ts';

/** Something that builds left and that may go: a step's result, or a cache mount. */
export interface Usage {
  /** 25 characters, as BuildKit's. */
  id: string;
  /** Its name on the disk. */
  key: string;
  type: 'regular' | 'exec.cachemount';
  description: string;
  /** In bytes. */
  size: number;
  createdAt: Date;
  lastUsedAt: Date;
  usageCount: number;
  /** An image has it, too: it takes no room of its own. */
  shared: boolean;
  /** A build has it now. */
  inUse: boolean;
}

export const idOfKey = (key: string): string => key.slice(0, 25);

/** As `GET /system/df` tells it. */
export const toBuildCacheRecord = (usage: Usage): BuildCacheRecord => ({
  ID: usage.id,
  Type: usage.type,
  Description: usage.description,
  InUse: usage.inUse,
  Shared: usage.shared,
  Size: usage.size,
  CreatedAt: usage.createdAt.toISOString(),
  LastUsedAt: usage.lastUsedAt.toISOString(),
  UsageCount: usage.usageCount,
});
