import { invalidArgument, notImplemented } from '../../contracts/errors.ts';
import type { CacheRecord } from './cache.ts';

/** Which results of steps go. */
export interface PruneRequest {
  /** Those that an image has, too. */
  all: boolean;
  /** Beginnings of keys; empty: any. */
  ids: readonly string[];
  /** Only what nobody used for so long. */
  unusedForMs: number;
  /** What may stay, in bytes: the least recently used goes first. */
  keepBytes: number;
}

const msPer: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's `24h30m`. @throws invalid-argument */
function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (text === '' || parts.map(([part]) => part).join('') !== text) {
    throw invalidArgument(`failed to prune build cache: time: invalid duration ${JSON.stringify(text)}`);
  }
  return parts.reduce((sum, [, digits, unit = '']) => sum + Number(digits) * (msPer[unit] ?? 0), 0);
}

/** What the API's filters ask for. @throws not-implemented for one that is not known here: too much would go */
export function toPruneRequest(
  all: boolean,
  filters: Readonly<Record<string, readonly string[]>>,
  keepBytes: number,
): PruneRequest {
  const { id = [], until = [], 'unused-for': unused = [], ...others } = filters;
  const [unknown] = Object.keys(others);
  if (unknown) throw notImplemented(`pruning the build cache by ${unknown} is not part of Berth yet`);
  const unusedForMs = Math.max(0, ...[...until, ...unused].map(durationMs));
  return { all, ids: id, unusedForMs, keepBytes };
}

/** The records that go, least recently used first. Pure. */
export function choosePruned(
  records: readonly CacheRecord[],
  request: PruneRequest,
  { now, isShared }: { now: Date; isShared: (record: CacheRecord) => boolean },
): CacheRecord[] {
  const { all, ids, unusedForMs, keepBytes } = request;
  const candidates = records
    .filter(record => all || !isShared(record))
    .filter(({ key }) => ids.length === 0 || ids.some(id => key.startsWith(id)))
    .filter(({ lastUsedAt }) => now.getTime() - new Date(lastUsedAt).getTime() >= unusedForMs)
    .sort((left, right) => (left.lastUsedAt < right.lastUsedAt ? -1 : 1));
  if (keepBytes === 0) return candidates;
  let total = records.reduce((sum, { size }) => sum + size, 0);
  return candidates.filter(({ size }) => {
    if (total <= keepBytes) return false;
    total -= size;
    return true;
  });
}
