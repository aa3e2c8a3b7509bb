import { expect, it } from 'vitest';
import type { LinuxResources } from '../../../../contracts/oci/runtime-spec.ts';
import { limitsV1, limitsV2, type Setting, toCpuWeight } from '../../../../guest-agent/cgroups/limits.ts';

const MiB = 1 << 20;
const everything: LinuxResources = {
  memory: { limit: 64 * MiB, swap: 128 * MiB, reservation: 32 * MiB, swappiness: 0, disableOOMKiller: true },
  cpu: {
    shares: 512,
    quota: 50_000,
    period: 100_000,
    burst: 10_000,
    realtimePeriod: 1_000_000,
    realtimeRuntime: 950_000,
    cpus: '0-1',
    mems: '0',
    idle: 0,
  },
  pids: { limit: 100 },
  blockIO: {
    weight: 500,
    weightDevice: [{ major: 8, minor: 0, weight: 100 }],
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1_000_000 }],
    throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 2_000_000 }],
    throttleReadIOPSDevice: [{ major: 8, minor: 16, rate: 200 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 100 }],
  },
  hugepageLimits: [{ pageSize: '2MB', limit: 4 * MiB }],
  network: { classID: 0x100001, priorities: [{ name: 'eth0', priority: 5 }] },
  rdma: { mlx5_0: { hcaHandles: 2, hcaObjects: 2000 } },
  unified: { 'memory.high': '1000000' },
};

const lines = (settings: Setting[]): string =>
  settings
    .map(({ file, value, instead }) => `${file} ${value}${instead ? `, else ${instead.file} ${instead.value}` : ''}\n`)
    .join('');

it('writes every limit of v1', async () => {
  await expect(lines(limitsV1(everything))).toMatchFileSnapshot('__golden__/limits-v1.txt');
});

it('writes every limit of v2', async () => {
  await expect(lines(limitsV2(everything))).toMatchFileSnapshot('__golden__/limits-v2.txt');
});

it('writes nothing for what was not asked', () => {
  const zeros: LinuxResources = { memory: { limit: 0, swap: 0 }, cpu: { shares: 0, quota: 0 }, pids: { limit: 0 } };
  expect([...limitsV1(zeros), ...limitsV2(zeros)]).toEqual([]);
});

it('lifts limits with -1 in the words of each version', () => {
  const lifted: LinuxResources = { memory: { limit: -1, swap: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } };
  expect(lines(limitsV1(lifted, true))).toBe(
    'memory.memsw.limit_in_bytes -1\nmemory.limit_in_bytes -1\ncpu.cfs_quota_us -1\npids.max max\n',
  );
  expect(lines(limitsV2(lifted))).toBe('memory.max max\nmemory.swap.max max\ncpu.max max 100000\npids.max max\n');
});

it('forbids swap on v2 when the sum is the memory', () => {
  expect(lines(limitsV2({ memory: { limit: MiB, swap: MiB } }))).toContain('memory.swap.max 0');
});

it('keeps the usual share usual', () => {
  expect([2, 256, 1024, 2048, 262_144].map(toCpuWeight)).toEqual([1, 35, 100, 174, 10_000]);
});

it('refuses shares that the kernel would change without a word', () => {
  expect(() => limitsV1({ cpu: { shares: 1 } })).toThrow('the minimum allowed cpu-shares is 2');
  expect(() => limitsV1({ cpu: { shares: 300_000 } })).toThrow('the maximum allowed cpu-shares is 262144');
});
