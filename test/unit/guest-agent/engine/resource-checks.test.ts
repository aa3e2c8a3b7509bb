import { describe, expect, it } from 'vitest';
import type { HostConfig } from '../../../../contracts/docker/containers.ts';
import type { Resources } from '../../../../contracts/docker/host-config.ts';
import type { CgroupFeatures } from '../../../../guest-agent/cgroups/index.ts';
import type { ContainerRecord } from '../../../../guest-agent/engine/container-record.ts';
import { checkNewResources, settleResources } from '../../../../guest-agent/engine/resource-checks.ts';
import { updatedRecord } from '../../../../guest-agent/engine/update.ts';

const MiB = 1 << 20;
const nothing = { cpus: '', mems: '' } as CgroupFeatures;
const barren = new Proxy(nothing, { get: (target, key) => Reflect.get(target, key) ?? false });
const machine = { cpus: 2 };
const whole = { cpus: 2, features: { cpus: '0-1', mems: '0' } as CgroupFeatures };

/** What a dockerd 28.5 answered. */
const refusals: [Resources, string][] = [
  [{ Memory: 4 * MiB }, 'Minimum memory limit allowed is 6MB'],
  [{ Memory: -1 }, 'Minimum memory limit allowed is 6MB'],
  [{ Memory: 6 * MiB, MemorySwap: 5 * MiB }, 'Minimum memoryswap limit should be larger than memory limit, see usage'],
  [{ MemorySwap: 1 << 30 }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  [{ Memory: 64 * MiB, MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [{ MemoryReservation: MiB }, 'Minimum memory reservation allowed is 6MB'],
  [{ NanoCpus: 99e9 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ NanoCpus: 1e9, CpuQuota: 5000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  [{ CpuPeriod: 10 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuQuota: 10 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ CpusetCpus: '0-' }, 'Invalid value 0- for cpuset cpus: invalid format: 0-'],
  [{ CpusetCpus: '1-0' }, 'Invalid value 1-0 for cpuset cpus: invalid format: 1-0'],
  [{ CpusetCpus: '0-9000' }, 'Invalid value 0-9000 for cpuset cpus: value of out range, maximum is 8192'],
  [{ CpusetCpus: '0,9' }, 'Requested CPUs are not available - requested 0,9, available: 0-1'],
  [{ CpusetMems: 'x' }, 'Invalid value x for cpuset mems: invalid format: x'],
  [{ CpusetMems: '1' }, 'Requested memory nodes are not available - requested 1, available: 0'],
];

describe('limits', () => {
  it.each(refusals)('%j is refused', (wanted, message) => {
    const features = new Proxy(whole.features, { get: (target, key) => Reflect.get(target, key) ?? true });
    expect(() => settleResources(wanted, { cpus: 2, features })).toThrow(message);
  });

  it.each([
    [{ CpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
    [{ IOMaximumIOps: 5 }, 'invalid option: QoS maximum IOPs configuration is not supported on linux'],
    [
      { CpuRealtimePeriod: 100, CpuRealtimeRuntime: 950 },
      'cpu real-time runtime cannot be higher than cpu real-time period',
    ],
  ])('%j is refused for a new container', (wanted, message) => {
    expect(() => checkNewResources(wanted, machine)).toThrow(message);
  });

  it('say what this kernel does not have, and go without', () => {
    const device = [{ Path: '/dev/sda', Rate: 1, Weight: 5 }];
    const wanted: Resources = {
      Memory: 64 * MiB,
      MemoryReservation: 32 * MiB,
      MemorySwappiness: 5,
      OomKillDisable: true,
      PidsLimit: 5,
      CpuShares: 5,
      CpuPeriod: 10_000,
      CpuQuota: 5_000,
      CpusetCpus: '77',
      BlkioWeight: 5,
      BlkioWeightDevice: device,
      BlkioDeviceReadBps: device,
      BlkioDeviceWriteBps: device,
      BlkioDeviceReadIOps: device,
      BlkioDeviceWriteIOps: device,
      CpuPercent: 5,
    };
    const { resources, warnings } = settleResources(wanted, { cpus: 2, features: barren });
    expect(resources).toEqual({ MemorySwap: -1 });
    const missing = (what: string, then: string): string =>
      `Your kernel does not support ${what} or the cgroup is not mounted. ${then}`;
    expect(warnings).toEqual([
      missing('memory limit capabilities', 'Limitation discarded.'),
      missing('memory swappiness capabilities', 'Memory swappiness discarded.'),
      missing('memory soft limit capabilities', 'Limitation discarded.'),
      'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
      missing('PIDs limit capabilities', 'PIDs limit discarded.'),
      missing('CPU shares', 'Shares discarded.'),
      'Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.',
      'linux does not support CPU percent. Percent discarded.',
      missing('cpuset', 'Cpuset discarded.'),
      missing('Block I/O weight', 'Weight discarded.'),
      missing('Block I/O weight_device', 'Weight-device discarded.'),
      missing('BPS Block I/O read limit', 'Block I/O BPS read limit discarded.'),
      missing('BPS Block I/O write limit', 'Block I/O BPS write limit discarded.'),
      missing('IOPS Block read limit', 'Block I/O IOPS read limit discarded.'),
      missing('IOPS Block write limit', 'Block I/O IOPS write limit discarded.'),
    ]);
  });
});

describe('an update', () => {
  const update = (had: HostConfig, body: Resources) =>
    updatedRecord({ id: 'c0ffee', hostConfig: had } as ContainerRecord, body, machine);

  it('changes what is named and tells the cgroup both of a pair', () => {
    const { record, resources } = update(
      { Memory: 64 * MiB, MemorySwap: 128 * MiB, CpuShares: 7 },
      { Memory: 32 * MiB },
    );
    expect(record.hostConfig).toEqual({ Memory: 32 * MiB, MemorySwap: 128 * MiB, CpuShares: 7 });
    expect(resources).toEqual({ memory: { limit: 32 * MiB, swap: 128 * MiB } });
    expect(update({ CpuQuota: 50_000 }, { CpuPeriod: 50_000 }).resources).toEqual({
      cpu: { period: 50_000, quota: 50_000 },
    });
  });

  it('lifts the limit of processes', () => {
    expect(update({ PidsLimit: 5 }, { PidsLimit: -1 })).toMatchObject({
      record: { hostConfig: { PidsLimit: 0 } },
      resources: { pids: { limit: -1 } },
    });
  });

  it('leaves alone what Docker does not change', () => {
    const ignored: Resources = {
      MemorySwappiness: 5,
      Ulimits: [{ Name: 'core', Soft: 1, Hard: 1 }],
      CgroupParent: '/x',
    };
    expect(update({}, ignored)).toEqual({ record: { hostConfig: {} }, resources: {}, warnings: [] });
  });

  it.each<[HostConfig, Resources, string]>([
    [
      { Memory: 32 * MiB, MemorySwap: 64 * MiB },
      { Memory: 300 * MiB },
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    ],
    [
      { NanoCpus: 5e8 },
      { CpuQuota: 50_000 },
      'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set',
    ],
    [
      { CpuPeriod: 50_000 },
      { NanoCpus: 5e8 },
      'Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set',
    ],
  ])('%j refuses %j', (had, body, message) => {
    expect(() => update(had, body)).toThrow(`Cannot update container c0ffee: ${message}`);
  });
});
