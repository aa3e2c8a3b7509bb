import { describe, expect, it } from 'vitest';
import { succeed } from '../support/command.ts';
import type { TestEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';

/** What a flag comes to: a file of the old hierarchies, one of the unified one, and what they then say. */
const limits: [flags: string, v1: [file: string, text: string], v2: [file: string, text: string]][] = [
  ['--memory 6m', ['memory/memory.limit_in_bytes', '6291456'], ['memory.max', '6291456']],
  [
    '--memory 64m --memory-swap 128m',
    ['memory/memory.memsw.limit_in_bytes', '134217728'],
    ['memory.swap.max', '67108864'],
  ],
  ['--memory-reservation 32m', ['memory/memory.soft_limit_in_bytes', '33554432'], ['memory.low', '33554432']],
  ['--cpus 0.5', ['cpu/cpu.cfs_quota_us', '50000'], ['cpu.max', '50000 100000']],
  ['--cpu-period 50000 --cpu-quota 10000', ['cpu/cpu.cfs_period_us', '50000'], ['cpu.max', '10000 50000']],
  ['--cpu-shares 512', ['cpu/cpu.shares', '512'], ['cpu.weight', '59']],
  ['--cpuset-cpus 0', ['cpuset/cpuset.cpus', '0'], ['cpuset.cpus', '0']],
  ['--cpuset-mems 0', ['cpuset/cpuset.mems', '0'], ['cpuset.mems', '0']],
  ['--pids-limit 55', ['pids/pids.max', '55'], ['pids.max', '55']],
  [
    '--device-read-bps /dev/vda:1mb',
    ['blkio/blkio.throttle.read_bps_device', '1048576'],
    ['io.max', 'rbps=1048576 wbps=max riops=max wiops=max'],
  ],
  [
    '--device-write-iops /dev/vda:100',
    ['blkio/blkio.throttle.write_iops_device', '100'],
    ['io.max', 'rbps=max wbps=max riops=max wiops=100'],
  ],
];

/** Limits from the flag to the kernel's file, changed while it runs, measured, and exceeded. */
export function resourceTests(name: string, engine: () => TestEngine): void {
  describe(`${name}: limits`, { timeout: 240_000 }, () => {
    const version = async (): Promise<string> =>
      (await engine().docker('info', '--format', '{{.CgroupVersion}}')).trim();
    const load = async (): Promise<string> => engine().docker('load', '--quiet', '--input', await busyboxArchive());
    const service = async (...flags: string[]): Promise<string> => {
      await load();
      return (await engine().docker('run', '-d', ...flags, 'busybox', 'sh', '-c', 'while :; do :; done')).trim();
    };
    const fileOf = async (id: string, file: string): Promise<string> =>
      (await engine().docker('exec', id, 'cat', `/sys/fs/cgroup/${file}`)).trim();

    it('reach the kernel', async () => {
      await load();
      const found: string[] = [];
      const isOld = (await version()) === '1';
      for (const [flags, v1, v2] of limits) {
        const [file] = isOld ? v1 : v2;
        const path = `/sys/fs/cgroup/${file}`;
        const text = await engine().docker('run', '--rm', ...flags.split(' '), 'busybox', 'cat', path);
        found.push(`${flags}: ${text.trim().replace(/^\d+:\d+ /, '')}`);
      }
      expect(found).toEqual(limits.map(([flags, v1, v2]) => `${flags}: ${(isOld ? v1 : v2)[1]}`));
    });

    it('change while it runs', async () => {
      const id = await service('--memory', '64m', '--cpus', '0.2');
      const isOld = (await version()) === '1';
      const change = async (flags: string, v1: string, v2: string): Promise<string> => {
        await engine().docker('update', ...flags.split(' '), id);
        return fileOf(id, isOld ? v1 : v2);
      };
      expect(await change('--memory 32m --memory-swap 48m', 'memory/memory.limit_in_bytes', 'memory.max')).toBe(
        '33554432',
      );
      expect(await change('--cpus 0.4', 'cpu/cpu.cfs_quota_us', 'cpu.max')).toMatch(/^40000/);
      expect(await change('--pids-limit 20', 'pids/pids.max', 'pids.max')).toBe('20');
      expect(await change('--pids-limit -1', 'pids/pids.max', 'pids.max')).toBe('max');
      expect(await change('--cpuset-cpus 0', 'cpuset/cpuset.cpus', 'cpuset.cpus')).toBe('0');
      expect(await engine().tryDocker(['update', '--memory', '100m', id])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('update the memoryswap at the same time'),
      });
      await engine().docker('rm', '-f', id);
    });

    it('are shown with what is used', async () => {
      const id = await service('--memory', '64m', '--cpus', '0.3', '--pids-limit', '9');
      const format = '{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}';
      const shown = await engine().docker('stats', '--no-stream', '--format', format, id);
      const [, cpu = '', memory = ''] = /^([\d.]+)% ([\d.]+\w+) \/ 64MiB 1$/.exec(shown.trim()) ?? [];
      expect(Number(cpu)).toBeGreaterThan(5);
      expect(Number(cpu)).toBeLessThan(60);
      expect(memory).toMatch(/[KM]iB$/);
      await engine().docker('rm', '-f', id);
    });

    it('that are exceeded end the program and are told', async () => {
      await load();
      const eat = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done';
      const flags = ['--name', 'hungry', '--memory', '16m', '--memory-swap', '16m'];
      const since = String(Math.floor(Date.now() / 1000) - 1);
      const { code } = await engine().tryDocker(['run', ...flags, 'busybox', 'sh', '-c', eat]);
      expect(code).toBe(137);
      const state = await engine().docker('inspect', '--format', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'hungry');
      expect(state.trim()).toBe('true 137');
      await eventually('the event is told', async () => {
        const until = String(Math.floor(Date.now() / 1000) + 1);
        const filters = ['--filter', 'container=hungry', '--filter', 'event=oom', '--format', '{{.Action}}'];
        return (await engine().docker('events', '--since', since, '--until', until, ...filters)).includes('oom');
      });
      await engine().docker('rm', '-f', 'hungry');
    });

    it('that this kernel does not have are warned of', async () => {
      const isOld = (await version()) === '1';
      const flags = isOld ? ['--blkio-weight', '300'] : ['--memory', '64m', '--memory-swappiness', '10'];
      await load();
      const { stderr } = await engine().tryDocker(['run', '--rm', ...flags, 'busybox', 'true']);
      const hasWeight = isOld && (await weightIsThere());
      const what = isOld ? 'Block I/O weight or' : 'memory swappiness capabilities or';
      if (hasWeight) expect(stderr).toBe('');
      else expect(stderr).toContain(`WARNING: Your kernel does not support ${what} the cgroup is not mounted.`);
    });
  });
}

const weightIsThere = async (): Promise<boolean> =>
  (await succeed('find', ['/sys/fs/cgroup/blkio', '-maxdepth', '1', '-name', 'blkio.weight'])) !== '';
