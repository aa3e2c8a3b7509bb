import { describe, expect, it } from 'vitest';
import { collectionPolicies } from '../../../../guest-agent/builder/collection.ts';
import { choosePruned, pruneAll, readPruneFilters, toUsageFilter } from '../../../../guest-agent/builder/prune.ts';
import type { Usage } from '../../../../guest-agent/builder/usage.ts';

const now = new Date('2026-01-03T00:00:00Z');

const usage = (id: string, more: Partial<Usage> = {}): Usage => ({
  id: id.padEnd(25, '0'),
  key: id,
  type: 'regular',
  description: `RUN ${id}`,
  size: 100,
  createdAt: new Date(0),
  lastUsedAt: new Date('2026-01-01T00:00:00Z'),
  usageCount: 1,
  shared: false,
  inUse: false,
  ...more,
});

const usages = [
  usage('young', { lastUsedAt: new Date('2026-01-02T23:00:00Z') }),
  usage('old'),
  usage('mount', { type: 'exec.cachemount', size: 1000, lastUsedAt: new Date('2026-01-02T00:00:00Z') }),
  usage('shared', { shared: true }),
  usage('busy', { inUse: true }),
];
const chosen = (request: Partial<typeof pruneAll>, freeBytes = 0): string[] =>
  choosePruned(usages, { ...pruneAll, all: false, ...request }, { now, freeBytes }).map(({ key }) => key);

describe('pruning of what builds left', () => {
  it('takes what no image has and nobody uses, the least recently used first', () => {
    expect(chosen({})).toEqual(['old', 'mount', 'young']);
    expect(chosen({ all: true })).toEqual(['old', 'shared', 'mount', 'young']);
    expect(chosen({ unusedForMs: 12 * 3_600_000 })).toEqual(['old', 'mount']);
  });

  it('takes what filters name: every condition of one of them', () => {
    expect(chosen({ filters: [toUsageFilter('type==exec.cachemount')] })).toEqual(['mount']);
    expect(chosen({ filters: [toUsageFilter('id==old'), toUsageFilter('mutable')] })).toEqual(['old', 'mount']);
    expect(chosen({ filters: [toUsageFilter('immutable,description~=y')] })).toEqual(['young']);
    expect(toUsageFilter('nope==1')(usages[0] ?? expect.fail())).toBe(false);
    expect(() => readPruneFilters({ nope: ['1'] })).toThrow("invalid filter 'nope'");
    const { filters, unusedForMs } = readPruneFilters({ until: ['24h'], type: ['regular'] });
    expect(chosen({ filters, unusedForMs })).toEqual(['old']);
    expect(() => readPruneFilters({ until: ['x'] })).toThrow('time: invalid duration "x"');
  });

  it('stops when no more is there than may be, or enough of the disk is free', () => {
    expect(chosen({ maxUsedBytes: 1300 })).toEqual(['old']);
    expect(chosen({ maxUsedBytes: 300, reservedBytes: 1300 })).toEqual(['old']);
    expect(chosen({ reservedBytes: 10_000 })).toEqual([]);
    expect(chosen({ minFreeBytes: 150 }, 100)).toEqual(['old']);
    expect(chosen({ minFreeBytes: 150 }, 150)).toEqual([]);
  });
});

describe('what goes by itself', () => {
  const disk = 100 * 1024 ** 3;

  it('is bounded by the disk where nobody says more', () => {
    const [passing, ...others] = collectionPolicies(undefined, disk);
    expect(passing).toMatchObject({ unusedForMs: 48 * 3_600_000, maxUsedBytes: 1_519_933_825 });
    expect(others.at(-1)).toMatchObject({ all: true, reservedBytes: 11e9, maxUsedBytes: 81e9, minFreeBytes: 21e9 });
  });

  it('is as daemon.json has it', () => {
    expect(collectionPolicies({ gc: { enabled: false } }, disk)).toEqual([]);
    const filter = ['unused-for=48h', 'type=regular'];
    expect(collectionPolicies({ gc: { policy: [{ keepStorage: '512MB', filter, all: true }] } }, disk)).toEqual([
      {
        all: true,
        filters: ['type==regular'],
        unusedForMs: 48 * 3_600_000,
        reservedBytes: 512 * 1024 ** 2,
        maxUsedBytes: 0,
        minFreeBytes: 0,
      },
    ]);
    expect(collectionPolicies({ gc: { defaultKeepStorage: '20GB' } }, disk).at(-1)).toMatchObject({
      reservedBytes: 20 * 1024 ** 3,
      minFreeBytes: 0,
    });
  });
});
