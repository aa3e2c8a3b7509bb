import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { succeed } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { type FaultyEngine, keeperPid, long, randomSequence, startFaultyEngine, whyNot } from './faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const kills = long ? 500 : 8;
const untilStop = (exitCode: number): string[] => [
  'busybox',
  'sh',
  '-c',
  `echo up; while [ ! -e /stop ]; do usleep 20000; done; echo down; exit ${exitCode}`,
];

interface State {
  Status: string;
  Pid: number;
  ExitCode: number;
  Error: string;
}

const stateOf = async (engine: FaultyEngine, name: string): Promise<State> =>
  (await engine.api<{ State: State }>('GET', `/containers/${name}/json`)).State;

async function killKeeper(engine: FaultyEngine): Promise<void> {
  const dead = await keeperPid(engine);
  process.kill(dead, 'SIGKILL');
  await eventually('another keeper', async () => ![dead, 0].includes(await keeperPid(engine)));
}

describe.skipIf(reason)('a keeper killed', () => {
  it('is replaced and told of; its containers go on and end as they should', { timeout: 60_000 }, async () => {
    const engine = await startFaultyEngine();
    await engine.docker('run', '-d', '--name', 'plain', '-p', '80', ...untilStop(7));
    await engine.docker('run', '-dt', '--name', 'terminal', '--restart', 'on-failure:1', ...untilStop(8)); // ends twice
    await engine.docker('run', '-d', '--rm', '--name', 'gone', ...untilStop(0));
    const names = ['plain', 'terminal', 'gone'];
    const pids = await Promise.all(names.map(async name => (await stateOf(engine, name)).Pid));
    const attached = engine.tryDocker(['attach', '--no-stdin', 'plain']);

    await killKeeper(engine);
    expect(await Promise.all(names.map(async name => (await stateOf(engine, name)).Pid))).toEqual(pids);
    expect(await engine.log()).toContain('the keeper died');
    const info = await eventually('a keeper that works', async () => {
      const { Warnings } = await engine.api<{ Warnings: string[] }>('GET', '/info');
      return Warnings.some(warning => warning.includes('cannot be started')) ? undefined : Warnings;
    });
    expect(info).toEqual([expect.stringMatching(/^WARNING: The containers' keeper died at 20/)]);
    expect(await engine.docker('run', '--rm', 'busybox', 'echo', 'new')).toBe('new\n');
    // It may take the command down with it, so the command's own end does not count.
    for (const name of names) await engine.tryDocker(['exec', name, 'touch', '/stop']);

    const exitCode = exitAfterKeeper(await succeed('uname', ['-r']), 7);
    expect((await attached).code).toBe(exitCode);
    const ended = async (): Promise<string> =>
      engine.docker('ps', '-a', '--no-trunc', '--format', '{{.Names}} {{.State}}').then(text => text.trim());
    await eventually('all have ended', async () => (await ended()) === 'terminal exited\nplain exited');
    expect(await engine.docker('inspect', '-f', '{{.RestartCount}}', 'terminal')).toBe('1\n');
    const plain = await stateOf(engine, 'plain');
    expect(plain.ExitCode).toBe(exitCode);
    if (exitCode === 255) expect(plain.Error).toContain('keeper');
    expect(await engine.docker('logs', 'plain')).toBe('up\ndown\n');
    expect((await engine.tryDocker(['inspect', 'gone'])).code).toBe(1);
    await engine.endWithoutTrace();
  });

  it('together with the agent leaves no container that nobody knows', { timeout: 60_000 }, async () => {
    const engine = await startFaultyEngine();
    await engine.docker('run', '-d', '--name', 'plain', '-p', '80', ...untilStop(7));
    await engine.docker('run', '-d', '--name', 'always', '--restart', 'always', ...untilStop(7));
    await engine.docker('run', '-d', '--rm', '--name', 'gone', ...untilStop(0));
    const { Pid } = await stateOf(engine, 'plain');
    await Promise.all([engine.kill(), keeperPid(engine).then(pid => process.kill(pid, 'SIGKILL'))]);
    await engine.restart();
    expect(await stateOf(engine, 'plain')).toMatchObject({ Status: 'exited', ExitCode: 255 });
    expect((await stateOf(engine, 'plain')).Error).not.toBe('');
    expect(isContainer(Pid)).toBe(false);
    await eventually('it is up again', async () => (await stateOf(engine, 'always')).Status === 'running');
    await eventually('it is gone', async () => (await engine.tryDocker(['inspect', 'gone'])).code === 1);
    await engine.docker('start', 'plain');
    await engine.endWithoutTrace();
  });

  it(`${kills} times during starts lets no start half-done`, { timeout: kills * 5000 }, async () => {
    const engine = await startFaultyEngine();
    const random = randomSequence(7);
    let refused = 0;
    for (let kill = 0; kill < kills; kill++) {
      const starts = Array.from({ length: 4 }, async (_, index) => {
        const name = `k${kill}-${index}`;
        const { Id } = await engine.api<{ Id: string }>('POST', `/containers/create?name=${name}`, {
          Image: 'busybox',
          Cmd: ['sleep', '1000'],
        });
        const error = await engine.api('POST', `/containers/${Id}/start`).then(() => undefined, String);
        return { Id, error };
      });
      await sleep(random() * 60);
      await killKeeper(engine);
      for (const { Id, error } of await Promise.all(starts)) {
        const { Status, Pid } = await stateOf(engine, Id);
        if (error) refused++;
        if (error) expect({ Status, Pid }, error).toEqual({ Status: 'created', Pid: 0 });
        else expect(Status).toBe('running');
        await engine.api('DELETE', `/containers/${Id}?force=1`);
      }
      await engine.docker('run', '--rm', 'busybox', 'true');
    }
    console.log(`${refused} of ${kills * 4} starts were refused`);
    await engine.endWithoutTrace();
  });
});

/** Linux 6.15 and later tell how somebody else's child ended. */
function exitAfterKeeper(release: string, exitCode: number): number {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 15) ? exitCode : 255;
}

function isContainer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/stop');
  } catch {
    return false;
  }
}
