import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: an engine needs Linux and root');

describe.skipIf(!usable)('restart policies', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  const state = async (name: string): Promise<string> =>
    (
      await engine.docker('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}', name)
    ).trim();
  const restarted = async (name: string): Promise<number> => Number((await state(name)).split(' ')[2]);

  /** Seconds between the end of each run and the start of the next. */
  async function pauses(name: string): Promise<number[]> {
    const until = String(Math.ceil(Date.now() / 1000));
    const filters = ['--filter', `container=${name}`, '--filter', 'event=die', '--filter', 'event=start'];
    const format = ['--format', '{{.TimeNano}} {{.Action}}'];
    const text = await engine.docker('events', '--since', '1h', '--until', until, ...filters, ...format);
    const events = text
      .trim()
      .split('\n')
      .map(line => ({ time: Number(line.split(' ')[0]), action: line.split(' ')[1] }));
    return events.flatMap(({ time, action }, at) => {
      const before = events[at - 1];
      return action === 'start' && before?.action === 'die' ? [(time - before.time) / 1e9] : [];
    });
  }

  beforeAll(async () => {
    engine = await startNativeEngine();
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  });
  afterAll(() => engine?.stop());

  it('wait twice as long each time, until they are told otherwise', async () => {
    await engine.docker('run', '-d', '--name', 'again', '--restart', 'always', 'busybox', 'false');
    await eventually('it was started five times', async () => (await restarted('again')) >= 5);
    await engine.docker('update', '--restart', 'no', 'again');
    await eventually('it stays down', async () => /^exited 1 /.test(await state('again')));
    const waited = await pauses('again');
    expect(waited.length).toBeGreaterThanOrEqual(4);
    for (const [at, seconds] of waited.slice(0, 4).entries())
      expect(seconds).toBeGreaterThanOrEqual(0.1 * 2 ** at - 0.005);
    await engine.docker('start', 'again');
    await eventually('it is down again', async () => (await state('again')) === 'exited 1 0');
    await engine.docker('rm', 'again');
  });

  it('count, and stop at what was allowed, also when the engine is killed meanwhile', async () => {
    await engine.docker('run', '-d', '--name', 'thrice', '--restart', 'on-failure:3', 'busybox', 'sh', '-c', 'exit 7');
    await eventually('it waits for its next start', async () => /^restarting 7 [123]/.test(await state('thrice')));
    await engine.kill();
    await engine.restart();
    await eventually('it was started three times', async () => /^exited 7 [0-3]$/.test(await state('thrice')));
    await engine.docker('rm', 'thrice');
    await engine.docker('run', '-d', '--name', 'well', '--restart', 'on-failure', 'busybox', 'true');
    await eventually('it is content', async () => (await state('well')) === 'exited 0 0');
    await engine.docker('rm', 'well');
  });

  it('hold still once the user has stopped it', async () => {
    await engine.docker('run', '-d', '--name', 'held', '--restart', 'unless-stopped', 'busybox', 'false');
    await eventually('it waits', async () => /^restarting/.test(await state('held')));
    await eventually('who wants to work in it is told so', async () => {
      const { stderr } = await engine.tryDocker(['exec', 'held', 'true']);
      return /Container \w+ is restarting, wait until the container is running/.test(stderr);
    });
    await engine.docker('stop', 'held');
    const count = await restarted('held');
    await engine.kill();
    await engine.restart();
    expect(await state('held')).toBe(`exited 1 ${count}`);
    await engine.docker('rm', 'held');
  });
});
