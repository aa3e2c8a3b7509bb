import type { DiskUsage, ObjectUsage } from '../../contracts/docker/system.ts';

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + Math.max(size, 0), 0);

const alive: ReadonlySet<string> = new Set(['running', 'paused', 'restarting']);

/** In bytes: of all, and of those that nobody needs. */
function usageOf<T>(items: readonly T[], isActive: (item: T) => boolean, sizeOf: (item: T) => number): ObjectUsage {
  const idle = items.filter(item => !isActive(item));
  return {
    ActiveCount: items.length - idle.length,
    TotalCount: items.length,
    Reclaimable: sum(idle.map(sizeOf)),
    TotalSize: sum(items.map(sizeOf)),
  };
}

/** What each list of `system df` comes to, as API 1.52 tells it. */
export function summariesOf({ Images, Containers, Volumes, BuildCache, LayersSize }: DiskUsage): DiskUsage {
  const summaries: DiskUsage = {};
  if (Images) {
    const usage = usageOf(
      Images,
      image => image.Containers > 0,
      image => image.Size - Math.max(image.SharedSize, 0),
    );
    const used = Images.filter(image => image.Containers > 0).map(image => image.Size - Math.max(image.SharedSize, 0));
    const TotalSize = LayersSize ?? usage.TotalSize;
    summaries.ImageUsage = { ...usage, TotalSize, Reclaimable: Math.max(0, TotalSize - sum(used)) };
  }
  if (Containers) {
    summaries.ContainerUsage = usageOf(
      Containers,
      container => alive.has(container.State),
      container => container.SizeRw ?? 0,
    );
  }
  if (Volumes) {
    summaries.VolumeUsage = usageOf(
      Volumes,
      volume => (volume.UsageData?.RefCount ?? 0) > 0,
      volume => volume.UsageData?.Size ?? 0,
    );
  }
  if (BuildCache) {
    summaries.BuildCacheUsage = usageOf(
      BuildCache,
      record => record.InUse,
      record => record.Size,
    );
  }
  return summaries;
}
