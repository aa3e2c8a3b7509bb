import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

describe('an engine with a configuration file', () => {
  let engine: NativeEngine;
  const folder = mkdtempSync(join(tmpdir(), 'configuration-'));
  const profile = join(folder, 'seccomp.json');

  beforeAll(async () => {
    const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }];
    await writeFile(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
    engine = await startNativeEngine({
      'seccomp-profile': profile,
      labels: ['place=harbour'],
      'default-shm-size': '8M',
      'default-ulimits': { nofile: { Name: 'nofile', Soft: 100, Hard: 200 } },
      'log-opts': { 'max-size': '1m' },
      'no-new-privileges': true,
      'live-restore': true,
      'shutdown-timeout': 3,
      'metrics-addr': '127.0.0.1:9323',
    });
    await engine.docker('load', '--quiet', '--input', await busyboxArchive());
  });

  afterAll(async () => {
    await writeFile(join(dirname(engine.socket), 'daemon.json'), '{"live-restore":false}');
    process.kill(engine.pid(), 'SIGHUP');
    await eventually('containers end with the engine', async () => (await info()).LiveRestoreEnabled === false);
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  const info = async () => JSON.parse(await engine.docker('info', '--format', '{{json .}}'));
  const write = (config: unknown): Promise<void> =>
    writeFile(
      join(dirname(engine.socket), 'daemon.json'),
      typeof config === 'string' ? config : JSON.stringify(config),
    );

  it('gives containers its defaults, and says what has no effect', async () => {
    expect(await info()).toMatchObject({ Labels: ['place=harbour'], LiveRestoreEnabled: true, Debug: false });
    const inside = 'ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1; grep NoNewPrivs /proc/self/status';
    const said = await engine.docker('run', '--rm', 'busybox', 'sh', '-c', inside);
    expect(said).toMatch(/^100\n200\nshm +8192 [^\n]*\nNoNewPrivs:\t1\n$/);
    const id = (await engine.docker('create', 'busybox')).trim();
    expect(await engine.docker('inspect', '--format', '{{json .HostConfig.LogConfig}}', id)).toBe(
      '{"Type":"json-file","Config":{"max-size":"1m"}}\n',
    );
    expect(await engine.log()).toContain('"directive":"metrics-addr"');
  });

  it('gives them its seccomp profile, unless they ask for another', async () => {
    const make = (...options: string[]) => engine.tryDocker(['run', '--rm', ...options, 'busybox', 'mkdir', '/made']);
    expect((await make()).stderr).toContain('Operation not permitted');
    expect((await make('--security-opt', 'seccomp=builtin')).code).toBe(0);
    expect((await make('--security-opt', 'seccomp=unconfined')).code).toBe(0);
    expect((await info()).SecurityOptions).toContain(`name=seccomp,profile=${profile}`);
  });

  it('reads it again on SIGHUP and tells so; what is wrong with it changes nothing', async () => {
    const since = `${Math.floor(Date.now() / 1000)}`;
    await write({ labels: ['place=quay'], 'registry-mirrors': ['https://mirror.example'], debug: true });
    process.kill(engine.pid(), 'SIGHUP');
    await eventually('the labels are new', async () => (await info()).Labels[0] === 'place=quay');
    expect((await info()).RegistryConfig.Mirrors).toEqual(['https://mirror.example/']);
    await write('{"labels":["wrong"]}');
    process.kill(engine.pid(), 'SIGHUP');
    await eventually('the error is told', async () => (await engine.log()).includes('bad attribute format: wrong'));
    expect((await info()).Labels).toEqual(['place=quay']);
    const until = (Date.now() / 1000 + 0.1).toFixed(3);
    const events = ['events', '--since', since, '--until', until, '--filter', 'type=daemon', '--format', '{{json .}}'];
    const told = (await engine.docker(...events))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      Action: 'reload',
      Actor: {
        Attributes: { labels: '["place=quay"]', 'registry-mirrors': '["https://mirror.example"]', debug: 'true' },
      },
    });
  });

  it('keeps containers when it goes, with live-restore', async () => {
    await engine.docker('run', '-d', '--name', 'stays', 'busybox', 'sleep', '1000');
    const pid = (await engine.docker('inspect', '--format', '{{.State.Pid}}', 'stays')).trim();
    await write({ 'live-restore': true });
    await engine.end();
    process.kill(Number(pid), 0);
    await engine.restart();
    expect(await engine.docker('inspect', '--format', '{{.State.Pid}} {{.State.Status}}', 'stays')).toBe(
      `${pid} running\n`,
    );
    await engine.docker('rm', '-f', 'stays');
  });
});
