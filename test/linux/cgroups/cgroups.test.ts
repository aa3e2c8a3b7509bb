import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type Cgroup, openCgroups } from '../../../guest-agent/cgroups/index.ts';
import { skipping } from '../../support/skip.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: control groups need Linux and root');

const MiB = 1 << 20;
const parent = `/berth-test-${process.pid}`;
const unified = '/sys/fs/cgroup/unified';
const noUnified = skipping(
  existsSync(join(unified, 'cgroup.procs')) ? undefined : 'the unified hierarchy is not mounted beside the others',
);
const children: ChildProcess[] = [];

/** A shell that joins first and then does what it is told. */
function inside(cgroup: Cgroup, script: string): ChildProcess & { pid: number } {
  const join = cgroup.join();
  const files = join.version === 1 ? join.tasks : [`${join.directory}/cgroup.procs`];
  const child = spawn('/bin/sh', ['-c', `for f in ${files.join(' ')}; do echo 0 > $f; done; ${script}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child as ChildProcess & { pid: number };
}

const exitOf = (child: ChildProcess): Promise<number | string | null> =>
  new Promise(resolve => child.once('exit', (code, signal) => resolve(signal ?? code)));
const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise(resolve => child.stdout?.once('data', data => resolve(String(data).trim())));
const state = (pid: number): string => /State:\t(.)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe.skipIf(!usable)('control groups of this kernel', () => {
  const cgroups = usable ? openCgroups() : undefined;
  if (!cgroups) return;

  afterAll(async () => {
    for (const name of cgroups.list(parent)) await cgroups.open(`${parent}/${name}`).remove();
    await cgroups.open(parent).remove();
  });

  it('makes one, limits it, measures it, and takes it away twice', async () => {
    const { cgroup, warnings } = cgroups.create(`${parent}/one`, {
      memory: { limit: 64 * MiB },
      pids: { limit: 50 },
      cpu: { shares: 512, quota: 50_000, period: 100_000 },
      devices: [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }],
    });
    expect(warnings).toEqual([]);
    const child = inside(cgroup, 'sleep 60 & echo ready; wait');
    expect(await firstLine(child)).toBe('ready');
    expect(cgroup.processes()).toContain(child.pid);
    const stats = cgroup.stats();
    expect(stats).toMatchObject({ memory: { limitBytes: 64 * MiB }, pids: { current: 2, limit: 50 } });
    expect(stats.cpu.totalNs).toBeGreaterThan(0);
    expect(stats.memory.usageBytes).toBeGreaterThan(0);
    expect(cgroups.list(parent)).toEqual(['one']);
    const exited = exitOf(child);
    await cgroup.remove();
    expect(await exited).toBe('SIGKILL');
    expect(cgroups.list(parent)).toEqual([]);
    await cgroups.open(`${parent}/one`).remove();
  });

  it('lets pass only devices that are named', async () => {
    const { cgroup } = cgroups.create(`${parent}/devices`, {
      devices: [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' }],
    });
    const child = inside(cgroup, 'echo < /dev/null && ! head -c1 /dev/zero > /dev/null 2>&1');
    expect(await exitOf(child)).toBe(0);
    await cgroup.remove();
  });

  it('counts what the kernel kills for memory', async () => {
    const { cgroup } = cgroups.create(`${parent}/oom`, { memory: { limit: 8 * MiB, swap: 8 * MiB } });
    const child = inside(cgroup, 'x=; while :; do x="$x$x 0123456789012345678901234567890123456789"; done');
    expect(await exitOf(child)).toBe('SIGKILL');
    expect(cgroup.oomKills()).toBe(1);
    await cgroup.remove();
    expect(cgroup.oomKills()).toBe(0);
  });

  it('freezes, thaws, and kills what is frozen', async () => {
    const { cgroup } = cgroups.create(`${parent}/frozen`, {});
    const child = inside(cgroup, 'echo ready; while :; do :; done');
    await firstLine(child);
    await cgroup.freeze();
    expect(state(child.pid)).toBe('D');
    await cgroup.thaw();
    expect(state(child.pid)).toBe('R');
    await cgroup.freeze();
    const exited = exitOf(child);
    cgroup.kill();
    expect(await exited).toBe('SIGKILL');
    await cgroup.remove();
  });

  it('grows limits past the old sum', async () => {
    const { cgroup } = cgroups.create(`${parent}/grow`, { memory: { limit: 16 * MiB, swap: 16 * MiB } });
    cgroup.update({ memory: { limit: 64 * MiB, swap: 128 * MiB } });
    expect(cgroup.stats().memory.limitBytes).toBe(64 * MiB);
    cgroup.update({ memory: { limit: 16 * MiB, swap: 32 * MiB } });
    expect(cgroup.stats().memory.limitBytes).toBe(16 * MiB);
    await cgroup.remove();
  });

  it('leaves nothing behind when a limit is refused', () => {
    expect(() => cgroups.create(`${parent}/bad`, { cpu: { cpus: '0-4095' } })).toThrow('cpuset.cpus');
    expect(cgroups.list(parent)).toEqual([]);
  });
});

describe.skipIf(!usable || noUnified)('the unified hierarchy', () => {
  it('judges devices by program, freezes, kills and removes with what is below', async () => {
    const cgroups = openCgroups({ root: unified });
    const { cgroup } = cgroups.create(`${parent}/v2`, {
      devices: [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' }],
    });
    const judged = inside(cgroup, 'echo < /dev/null && ! head -c1 /dev/zero > /dev/null 2>&1');
    expect(await exitOf(judged)).toBe(0);

    const child = inside(cgroup, `mkdir ${unified}${parent}/v2/below; echo ready; while :; do :; done`);
    await firstLine(child);
    expect(cgroup.stats().cpu.totalNs).toBeGreaterThan(0);
    await cgroup.freeze();
    await cgroup.thaw();
    writeFileSync(`${unified}${parent}/v2/below/cgroup.procs`, String(child.pid));
    expect(cgroup.processes()).toEqual([child.pid]);
    const exited = exitOf(child);
    await cgroup.remove();
    expect(await exited).toBe('SIGKILL');
    expect(existsSync(`${unified}${parent}/v2`)).toBe(false);
    rmdirSync(unified + parent);
  });
});
