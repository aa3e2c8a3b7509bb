import { durationMs, type PruneRequest, pruneAll, toUsageFilter } from './prune.ts';

const gigabyte = 1024 ** 3;
const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: gigabyte, t: 1024 ** 4 };
const hourMs = 3_600_000;

/** `20GB`, `512mb`, a number of bytes, or a share of the disk: `10%`. */
function bytesOf(given: unknown, diskBytes: number): number {
  if (typeof given === 'number') return given;
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(%|[kmgt]?i?b?)$/i.exec(String(given ?? '')) ?? [];
  if (unit === '%') return (diskBytes * Number(digits)) / 100;
  return Math.floor(Number(digits) * (units[unit.toLowerCase().replace(/i?b$/, '')] ?? 1));
}

/**
 * What goes by itself after builds, step by step: daemon.json's `builder.gc`, or as BuildKit does it where nothing is said.
 * Undefined when nothing goes. Pure.
 */
export function collectionPolicies(
  builder: Readonly<Record<string, unknown>> | undefined,
  diskBytes: number,
): PruneRequest[] | undefined {
  const gc = (builder?.gc ?? {}) as Record<string, unknown>;
  if (gc.enabled === false) return undefined;
  const policies = Array.isArray(gc.policy) ? (gc.policy as Record<string, unknown>[]) : [];
  if (policies.length > 0) return policies.map(policy => toRequest(policy, diskBytes));
  const said = bytesOf(gc.defaultReservedSpace ?? gc.defaultKeepStorage, diskBytes);
  const limits = {
    reservedBytes: said || Math.min(diskBytes / 10, 10 * gigabyte),
    maxUsedBytes: bytesOf(gc.defaultMaxUsedSpace, diskBytes) || said || (diskBytes * 8) / 10,
    minFreeBytes: bytesOf(gc.defaultMinFreeSpace, diskBytes) || (said ? 0 : diskBytes / 5),
  };
  const passing = { filters: [toUsageFilter('type==exec.cachemount')], unusedForMs: 48 * hourMs };
  return [
    { ...pruneAll, all: false, ...passing, maxUsedBytes: Math.min(512 * 1024 ** 2, limits.maxUsedBytes) },
    { ...pruneAll, all: false, unusedForMs: 60 * 24 * hourMs, ...limits },
    { ...pruneAll, all: false, ...limits },
    { ...pruneAll, ...limits },
  ];
}

function toRequest(policy: Record<string, unknown>, diskBytes: number): PruneRequest {
  const filters = Array.isArray(policy.filter) ? policy.filter : [];
  return {
    all: policy.all === true,
    filters: filters.map(each => toUsageFilter(String(each).replace(/^([\w-]+)=([^=])/, '$1==$2'))),
    unusedForMs: typeof policy.keepDuration === 'string' ? durationMs(policy.keepDuration) : 0,
    reservedBytes: bytesOf(policy.reservedSpace ?? policy.keepStorage, diskBytes),
    maxUsedBytes: bytesOf(policy.maxUsedSpace, diskBytes),
    minFreeBytes: bytesOf(policy.minFreeSpace, diskBytes),
  };
}
