import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/diagnostics/index.ts';
import { command } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine, traces } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: an engine needs Linux and root');

describe.skipIf(!usable)('an engine and its containers', { timeout: 120_000 }, () => {
  let engine: NativeEngine;
  const docker = (...args: string[]): Promise<string> => engine.docker(...args).then(text => text.trim());
  const state = (name: string): Promise<string> =>
    docker('inspect', name, '--format', '{{.State.Status}} {{.State.ExitCode}}');

  beforeAll(async () => {
    engine = await startNativeEngine();
    await docker('load', '-q', '-i', await busyboxArchive());
  }, 60_000);
  afterAll(async () => {
    await engine?.stop();
    const left = (await traces()).filter(line => line.includes(engine.bridge) || line.includes(engine.execRoot));
    expect(left).toEqual([]);
  }, 60_000);

  it('containers go on when the engine is killed, and the next one knows all', async () => {
    await docker('run', '-d', '--name', 'counter', 'busybox', 'sh', '-c', 'i=0; while :; do echo $i; i=$((i+1)); done');
    const folder = mkdtempSync(join(dirname(engine.root), 'told-'));
    const told = (name: string, end: string): string[] => {
      const script = `until [ -e /told/${name} ]; do usleep 20000; done; ${end}`;
      return ['-v', `${folder}:/told`, '--name', name, 'busybox', 'sh', '-c', script];
    };
    await docker('run', '-d', ...told('short', 'echo done; exit 7'));
    await docker('run', '-d', '--restart', 'always', ...told('again', 'rm /told/again; exit 1'));
    await docker('run', '-dit', '--name', 'shell', 'busybox', 'sh');
    const pids = (await docker('inspect', 'short', 'again', '--format', '{{.State.Pid}}')).split('\n');
    await engine.kill();
    for (const name of ['short', 'again']) writeFileSync(join(folder, name), '');
    for (const pid of pids) await eventually('it ends meanwhile', () => !existsSync(`/proc/${pid}`));
    await engine.restart();
    expect(await state('short')).toBe('exited 7');
    expect(await docker('logs', 'short')).toBe('done');
    expect(await state('counter')).toBe('running 0');
    expect(await docker('exec', '-t', 'shell', 'tty')).toBe('/dev/pts/1');
    await eventually('the restart policy goes on', async () => (await state('again')).startsWith('running'));
    await docker('kill', 'counter');
    const lines = (await docker('logs', '--tail', '20000', 'counter')).split('\n').map(Number);
    expect(lines).toEqual(lines.map((_, index) => (lines[0] ?? 0) + index));
    await docker('rm', '-f', 'counter', 'short', 'again', 'shell');
  });

  it('tells its doctor how the keeper is', async () => {
    const berth = join(import.meta.dirname, '../../../bin/berth');
    const { stdout } = await command(berth, ['doctor', '--json'], { env: { BERTH_HOME: dirname(engine.socket) } });
    const findings = JSON.parse(stdout) as Finding[];
    expect(findings.find(({ check }) => check === 'keeper')).toMatchObject({ outcome: 'good' });
    expect(findings.find(({ check }) => check === 'engine')).toMatchObject({ outcome: 'good' });
  });

  it('an orderly end stops them, and the policy decides who comes back', async () => {
    for (const policy of ['always', 'unless-stopped', 'no']) {
      for (const name of [`up-${policy}`, `down-${policy}`])
        await docker(
          ...['run', '-d', '--name', name, '--restart', policy, '--stop-signal', 'KILL'],
          ...['busybox', 'sleep', '1000'],
        );
      await docker('stop', '-t', '0', `down-${policy}`);
    }
    process.kill(engine.pid(), 'SIGTERM');
    await eventually('it has ended', async () => (await engine.tryDocker(['version'])).code !== 0, 30_000);
    await engine.restart();
    const running = async (): Promise<string[]> => (await docker('ps', '--format', '{{.Names}}')).split('\n').sort();
    await eventually('they are up', async () => (await running()).length === 3);
    expect(await running()).toEqual(['down-always', 'up-always', 'up-unless-stopped']);
    await docker('rm', '-f', ...(await docker('ps', '-aq')).split('\n'));
  });

  it('what cannot be read is put aside, and the rest lives', async () => {
    const [broken, whole] = await Promise.all([
      docker('create', 'busybox', 'true'),
      docker('create', 'busybox', 'true'),
    ]);
    await engine.end(); // in order: what the journal still has would be carried over
    writeFileSync(join(engine.root, 'containers', broken, 'container.jsonl'), '{"version":1');
    await engine.restart();
    expect(await docker('ps', '-aq', '--no-trunc')).toBe(whole);
    await docker('rm', whole);
  });

  it('a layer that a power cut took away while it was empty is made again', async () => {
    const created = await docker('create', 'busybox', 'true');
    await engine.kill();
    rmSync(join(engine.root, 'snapshots', 'containers', created), { recursive: true });
    await engine.restart();
    await docker('start', '-a', created);
    await docker('rm', created);
  });

  it('a removal meets a start, fifty times', async () => {
    for (let round = 0; round < 50; round++) {
      const name = `race${round}`;
      await docker('create', '--name', name, '-p', '18099:80', 'busybox', 'sleep', '100');
      await Promise.all([engine.tryDocker(['start', name]), engine.tryDocker(['rm', '-f', name])]);
      await engine.tryDocker(['rm', '-f', name]);
    }
    expect(await docker('ps', '-aq')).toBe('');
    expect(await engine.log()).not.toContain('nobody handled');
  });
});
