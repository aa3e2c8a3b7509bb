import { durationMs, type PruneRequest, pruneAll } from './prune.ts';

const gigabyte = 1024 ** 3;
const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: gigabyte, t: 1024 ** 4 };
const hourMs = 3_600_000;

/** A step of what goes by itself: a request to prune, with filters as BuildKit writes them. */
export interface CollectionPolicy extends Omit<PruneRequest, 'filters'> {
  filters: readonly string[];
}

/** Of what may stay, what is soonest made anew has this share, and at least so many bytes: BuildKit's own numbers. */
const passingShare = (Math.E * Math.PI * ((1 + Math.sqrt(5)) / 2)) / 100;
const leastPassingBytes = 512e6;
const durations = ['unused-for', 'until'];
const passing = 'type==source.local,type==exec.cachemount,type==source.git.checkout';

/** `20GB`, `512mb`, a number of bytes, or a share of the disk: `10%`. */
function bytesOf(given: unknown, diskBytes: number): number {
  if (typeof given === 'number') return given;
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(%|[kmgt]?i?b?)$/i.exec(String(given ?? '')) ?? [];
  if (unit === '%') return (diskBytes * Number(digits)) / 100;
  return Math.floor(Number(digits) * (units[unit.toLowerCase().replace(/i?b$/, '')] ?? 1));
}

/** A share of the disk in whole gigabytes, rounded as BuildKit does. */
const shareOf = (diskBytes: number, percent: number): number =>
  (Math.floor((diskBytes * percent) / 100 / gigabyte) + 1) * 1e9;

/**
 * What goes by itself after builds, step by step: daemon.json's `builder.gc`, or as BuildKit does it where nothing is said.
 * Empty when nothing goes. Pure.
 */
export function collectionPolicies(
  builder: Readonly<Record<string, unknown>> | undefined,
  diskBytes: number,
): CollectionPolicy[] {
  const gc = (builder?.gc ?? {}) as Record<string, unknown>;
  if (gc.enabled === false) return [];
  const policies = Array.isArray(gc.policy) ? (gc.policy as Record<string, unknown>[]) : [];
  if (policies.length > 0) return policies.map(policy => toPolicy(policy, diskBytes));
  const limits = limitsOf(gc, diskBytes);
  const usual = { ...pruneAll, all: false, filters: [], ...limits };
  const passingBytes = Math.max(leastPassingBytes, Math.round(limits.reservedBytes * passingShare));
  return [
    { ...pruneAll, all: false, filters: [passing], unusedForMs: 48 * hourMs, maxUsedBytes: passingBytes },
    { ...usual, unusedForMs: 60 * 24 * hourMs },
    usual,
    { ...usual, all: true },
  ];
}

function limitsOf(
  gc: Readonly<Record<string, unknown>>,
  diskBytes: number,
): Pick<PruneRequest, 'reservedBytes' | 'maxUsedBytes' | 'minFreeBytes'> {
  const said = {
    reservedBytes: bytesOf(gc.defaultReservedSpace ?? gc.defaultKeepStorage, diskBytes),
    maxUsedBytes: bytesOf(gc.defaultMaxUsedSpace, diskBytes),
    minFreeBytes: bytesOf(gc.defaultMinFreeSpace, diskBytes),
  };
  if (Object.values(said).some(bytes => bytes > 0)) return said;
  return {
    reservedBytes: shareOf(diskBytes, 10),
    maxUsedBytes: shareOf(diskBytes, 80),
    minFreeBytes: shareOf(diskBytes, 20),
  };
}

/** All of a policy's filters hold; one of them may say for how long nobody used what goes. */
function toPolicy(policy: Record<string, unknown>, diskBytes: number): CollectionPolicy {
  const filters = (Array.isArray(policy.filter) ? policy.filter.map(String) : []).map(text => text.split(/==?/));
  const [[, unusedFor = '0s'] = []] = filters.filter(([name = '']) => durations.includes(name));
  const conditions = filters.filter(([name = '']) => !durations.includes(name));
  return {
    all: policy.all === true,
    filters: [conditions.map(words => words.join('==')).join(',')],
    unusedForMs: durationMs(unusedFor),
    reservedBytes: bytesOf(policy.reservedSpace ?? policy.keepStorage, diskBytes),
    maxUsedBytes: bytesOf(policy.maxUsedSpace, diskBytes),
    minFreeBytes: bytesOf(policy.minFreeSpace, diskBytes),
  };
}
