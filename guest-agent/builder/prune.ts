import { goDurationMs } from '../../base/go-duration.ts';
import { own } from '../../base/own.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import { linear } from './dockerfile/glob.ts';
import type { Usage } from './usage.ts';

/** Which of what builds left goes. Sizes in bytes; 0: no limit. */
export interface PruneRequest {
  /** Also what an image has, too. */
  all: boolean;
  /** One of them must hold; none: anything goes. */
  filters: readonly UsageFilter[];
  /** Only what nobody used for so long. */
  unusedForMs: number;
  /** So much may stay in any case: the least recently used goes first. */
  reservedBytes: number;
  /** No more than so much stays. */
  maxUsedBytes: number;
  /** So much of the disk is to be free. */
  minFreeBytes: number;
}

export type UsageFilter = (usage: Usage) => boolean;

export const pruneAll: PruneRequest = {
  all: true,
  filters: [],
  unusedForMs: 0,
  reservedBytes: 0,
  maxUsedBytes: 0,
  minFreeBytes: 0,
};

/** Go's `24h30m`. @throws invalid-argument */
export function durationMs(text: string): number {
  const duration = goDurationMs(text);
  if (duration !== undefined) return duration;
  throw invalidArgument(`failed to prune build cache: time: invalid duration ${JSON.stringify(text)}`);
}

/** What containerd's filters can ask of a record: its text, or whether it is there at all. */
const fields: Readonly<Record<string, (usage: Usage) => string | boolean>> = {
  id: ({ id }) => id,
  type: ({ type }) => type,
  description: ({ description }) => description,
  inuse: ({ inUse }) => inUse,
  shared: ({ shared }) => shared,
  private: ({ shared }) => !shared,
  mutable: ({ type }) => type === 'exec.cachemount',
  immutable: ({ type }) => type === 'regular',
  parents: () => false,
  parent: () => false,
};

const absent = (): string => '';

/** `type==regular,shared`: all of its conditions hold; what nobody knows is not there. */
export function toUsageFilter(text: string): UsageFilter {
  const conditions = text.split(',').map(condition => {
    const [, name = '', sign = '', given = ''] = /^([\w-]+)(==|!=|~=|=)?"?(.*?)"?$/.exec(condition.trim()) ?? [];
    const field = own(fields, name) ?? absent;
    const pattern = sign === '~=' ? linear(given) : undefined;
    return (usage: Usage): boolean => pattern?.test(String(field(usage))) ?? holds(field(usage), sign, given);
  });
  return usage => conditions.every(condition => condition(usage));
}

/** Filters as clients send them; those that say nothing hold for all. */
export const toUsageFilters = (texts: readonly string[]): UsageFilter[] => texts.filter(Boolean).map(toUsageFilter);

function holds(value: string | boolean, sign: string, given: string): boolean {
  if (typeof value === 'boolean') return given === '' || given === 'true' || given === '1' ? value : !value;
  if (sign === '!=') return value !== given;
  return sign === '' ? value !== '' : value === given || (value.length === 25 && value.startsWith(given));
}

/** The API's filters: all of them hold. @throws invalid-argument */
export function readPruneFilters(given: Readonly<Record<string, readonly string[]>>): {
  filters: UsageFilter[];
  unusedForMs: number;
} {
  const { until = [], 'unused-for': unused = [], label: _, 'label!': __, ...others } = given;
  const conditions = Object.entries(others).flatMap(([name, values]) => {
    if (!Object.hasOwn(fields, name)) {
      throw invalidArgument(`failed to parse prune filters ["${name}==${values}"]: invalid filter '${name}'`);
    }
    if (values.length > 1) throw invalidArgument(`failed to prune build cache: filters expect only one value`);
    return values.map(value => (value === '' ? name : `${name}==${value}`));
  });
  return {
    filters: conditions.length > 0 ? [toUsageFilter(conditions.join(','))] : [],
    unusedForMs: Math.max(0, ...[...until, ...unused].map(durationMs)),
  };
}

/** What of `usages` goes, least recently used first; `freeBytes` of the disk are free. Pure. */
export function choosePruned(
  usages: readonly Usage[],
  request: PruneRequest,
  { now, freeBytes }: { now: Date; freeBytes: number },
): Usage[] {
  const candidates = usages
    .filter(usage => !usage.inUse && (request.all || !usage.shared))
    .filter(usage => request.filters.length === 0 || request.filters.some(filter => filter(usage)))
    .filter(({ lastUsedAt }) => now.getTime() - lastUsedAt.getTime() >= request.unusedForMs)
    .sort((left, right) => left.lastUsedAt.getTime() - right.lastUsedAt.getTime());
  let total = usages.reduce((sum, { size }) => sum + size, 0);
  const kept = keptBytes(total, request, freeBytes);
  if (kept === undefined) return candidates;
  return candidates.filter(({ size }) => {
    if (total <= kept) return false;
    total -= size;
    return true;
  });
}

/** How much may stay; undefined when nobody says that anything may. */
function keptBytes(
  total: number,
  { reservedBytes, maxUsedBytes, minFreeBytes }: PruneRequest,
  freeBytes: number,
): number | undefined {
  if (reservedBytes === 0 && maxUsedBytes === 0 && minFreeBytes === 0) return undefined;
  const wanted = minFreeBytes > freeBytes ? total - (minFreeBytes - freeBytes) : Number.POSITIVE_INFINITY;
  const most = maxUsedBytes > 0 ? maxUsedBytes : minFreeBytes > 0 ? total : reservedBytes;
  return Math.max(reservedBytes, Math.min(wanted, most), 0);
}
