import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: an engine needs Linux and root');

interface Health {
  Status: string;
  FailingStreak: number;
  Log: { ExitCode: number; Output: string }[];
}

describe.skipIf(!usable)('health checks', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  const health = async (name: string): Promise<Health> =>
    JSON.parse(await engine.docker('inspect', '--format', '{{json .State.Health}}', name));
  const becomes = (name: string, status: string): Promise<Health> =>
    eventually(`${name} is ${status}`, async () => {
      const now = await health(name);
      return now.Status === status ? now : undefined;
    });
  const run = (name: string, command: string, ...more: string[]): Promise<string> =>
    engine.docker(
      ...['run', '-d', '--name', name, '--health-cmd', command, '--health-interval', '200ms'],
      ...['--health-retries', '2', ...more, 'busybox', 'sleep', '1000'],
    );

  beforeAll(async () => {
    engine = await startNativeEngine({ init: true });
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  });
  afterAll(() => engine?.stop());

  it('tell what is well and what is not, and go on over pause, kill and restart', async () => {
    await run('web', 'echo looked; test -f /well');
    const ill = await becomes('web', 'unhealthy');
    expect(ill.Log.at(-1)).toMatchObject({ ExitCode: 1, Output: 'looked\n' });
    await engine.docker('exec', 'web', 'touch', '/well');
    await becomes('web', 'healthy');
    expect(await engine.docker('ps', '--filter', 'health=healthy', '--format', '{{.Status}}')).toMatch(/\(healthy\)/);
    await engine.docker('pause', 'web');
    expect((await health('web')).Status).toBe('unhealthy');
    await engine.docker('unpause', 'web');
    await becomes('web', 'healthy');
    await engine.kill();
    await engine.restart();
    expect((await health('web')).Status).toBe('healthy');
    await engine.docker('exec', 'web', 'rm', '/well');
    await becomes('web', 'unhealthy');
    await engine.docker('stop', '-t', '0', 'web');
    expect((await health('web')).Status).toBe('unhealthy');
    await engine.docker('start', 'web');
    expect((await health('web')).Status).toBe('starting');
    await engine.docker('rm', '-f', 'web');
  });

  it('cut long output, end slow probes, and wait for their interval', async () => {
    await run('slow', 'yes abc | head -c 5000; sleep 100', '--health-timeout', '300ms');
    const slow = (await becomes('slow', 'unhealthy')).Log[0]?.Output ?? '';
    expect(slow).toMatch(/^Health check exceeded timeout \(300ms\): abc\n/);
    expect(slow).toMatch(/\.\.\.$/);
    expect(slow.length).toBe('Health check exceeded timeout (300ms): '.length + 4096 + 3);
    await engine.docker('rm', '-f', 'slow');
    await engine.docker('run', '-d', '--name', 'keeps', '--health-cmd', 'true', 'busybox', 'sleep', '100');
    expect((await health('keeps')).Log).toEqual([]);
    await engine.docker('rm', '-f', 'keeps');
  });

  it('leave nothing behind, and see the init that the engine is told to give', async () => {
    await run('bare', 'cat /proc/1/comm');
    expect((await becomes('bare', 'healthy')).Log[0]?.Output).toBe('docker-init\n');
    await eventually('no probe is left', async () => {
      const left = await engine.docker('inspect', '--format', '{{json .ExecIDs}}', 'bare');
      return left === 'null\n';
    });
    await engine.docker('rm', '-f', 'bare');
  });

  it('are told as events', async () => {
    const since = Math.floor(Date.now() / 1000);
    await run('told', 'true');
    await becomes('told', 'healthy');
    await engine.docker('rm', '-f', 'told');
    const now = String(Math.ceil(Date.now() / 1000));
    const filter = ['--filter', 'container=told', '--format', '{{.Action}}'];
    const events = (await engine.docker('events', '--since', String(since), '--until', now, ...filter)).split('\n');
    const first = events.slice(events.indexOf('start'), events.indexOf('health_status: healthy') + 1);
    expect(first).toEqual([
      'start',
      'exec_create: /bin/sh -c true',
      'exec_start: /bin/sh -c true',
      'exec_die',
      'health_status: healthy',
    ]);
  });
});
