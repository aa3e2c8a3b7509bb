import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { command, succeed } from '../../support/command.ts';
import { eventually, settled } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { freePort, startRegistry } from '../../support/registry.ts';
import { agentPid, type FaultyEngine, long, randomSequence, startFaultyEngine, whyNot } from './faulty-engine.ts';
import { Workload } from './workload.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const kills = long ? 2000 : 40;
const cycles = 200;
const seed = Number(process.env.BERTH_TEST_SEED ?? 20_261_121);

describe.skipIf(reason)('an agent killed at any moment', () => {
  it('has forgotten nothing that it acknowledged', { timeout: kills * 10_000 }, async () => {
    console.log(`${kills} kills, BERTH_TEST_SEED=${seed}`);
    const registry = await startRegistry();
    await registry.push(await busyboxArchive(), 'pulled:latest');
    const engine = await startFaultyEngine();
    const witnesses = await startWitnesses(engine);
    const random = randomSequence(seed);
    const unanswered = new Map<string, number>();
    for (let kill = 0; kill < kills; kill++) {
      const load = new Workload(engine, { random, pullable: `${registry.host}/pulled:latest` });
      load.begin();
      await sleep(random() * 500);
      await engine.kill();
      await load.ended();
      await revive(engine, random);
      await load.verify();
      await witnesses.verify(kill % 5 === 0);
      await load.cleanUp();
      for (const what of load.unanswered) unanswered.set(what, (unanswered.get(what) ?? 0) + 1);
    }
    console.log('killed in the middle of', Object.fromEntries(unanswered));
    await witnesses.end();
    await registry.stop();
    await engine.endWithoutTrace();
  });

  it('leaves nothing of containers that have just ended or gone, wherever their control groups are', async () => {
    const engine = await startFaultyEngine();
    const parent = `/berth-parent-${process.pid}`;
    for (const place of [[], ['--cgroup-parent', parent]]) {
      for (const name of ['ended', 'gone']) await engine.docker('run', '--name', name, ...place, 'busybox', 'true');
      await engine.docker('rm', 'gone');
      await engine.kill();
      await engine.restart();
      await engine.docker('rm', 'ended');
    }
    const left = (await succeed('find', ['/sys/fs/cgroup', '-path', `*${parent}/*`, '-type', 'd'])).trim();
    await succeed('sh', ['-c', `find /sys/fs/cgroup -depth -path '*${parent}*' -type d -exec rmdir {} +`]);
    expect(left).toBe('');
    await expect.poll(() => readdirSync(join(engine.execRoot, 'containers'))).toEqual([]);
    await engine.endWithoutTrace();
  });

  it(`holds after ${cycles} containers what it held before`, { timeout: 120_000 }, async () => {
    const engine = await startFaultyEngine();
    const agent = await agentPid(engine);
    const held = (): number => readdirSync(`/proc/${agent}/fd`).length;
    const cycle = async (): Promise<void> => {
      const { Id } = await engine.api<{ Id: string }>('POST', '/containers/create', {
        Image: 'busybox',
        Cmd: ['true'],
      });
      await engine.api('POST', `/containers/${Id}/start`);
      await engine.api('POST', `/containers/${Id}/wait`);
      await engine.api('DELETE', `/containers/${Id}`);
    };
    for (let index = 0; index < 20; index++) await cycle();
    const before = await settled('descriptors are given back', held);
    for (let index = 0; index < cycles; index++) await cycle();
    await expect.poll(held).toBeLessThanOrEqual(before);
    await expect.poll(() => readdirSync(join(engine.execRoot, 'containers'))).toEqual([]);
    await engine.endWithoutTrace();
  });
});

/** Starts an agent again; sometimes one that is killed on its way up. */
async function revive(engine: FaultyEngine, random: () => number): Promise<void> {
  while (random() < 0.25) {
    const starting = engine.restart().catch(() => undefined);
    await sleep(random() * 800);
    await eventually('there is an agent to kill', () => engine.kill().then(() => true));
    await starting;
  }
  await engine.restart();
}

/** Containers that live through all of it. */
async function startWitnesses(
  engine: FaultyEngine,
): Promise<{ verify(thoroughly: boolean): Promise<void>; end(): Promise<void> }> {
  const count = 'i=0; while :; do echo $i; i=$((i+1)); usleep 3000; done';
  const run = (name: string, ...args: string[]): Promise<string> => engine.docker('run', '-d', '--name', name, ...args);
  const port = await freePort(); // not the engine's choice: while it is dead, another engine may make the same
  await run('counter', 'busybox', 'sh', '-c', count);
  await run('web', '-p', `${port}:80`, 'busybox', 'httpd', '-f', '-h', '/etc');
  await run('terminal', '-t', '--restart', 'unless-stopped', 'busybox', 'sh');
  await run('gone', '--rm', 'busybox', 'sh', '-c', 'while [ ! -e /stop ]; do usleep 100000; done');
  const names = ['counter', 'web', 'terminal', 'gone'];
  const look = (): Promise<string> =>
    engine.docker(
      'inspect',
      '-f',
      '{{.Name}} {{.State.Pid}} {{.RestartCount}} {{.NetworkSettings.IPAddress}}',
      ...names,
    );
  const before = await look();
  return {
    verify: async thoroughly => {
      expect(await look()).toBe(before);
      if (!thoroughly) return;
      for (const address of ['127.0.0.1', await hostAddress()]) {
        expect(await succeed('curl', ['--silent', '--max-time', '5', `http://${address}:${port}/passwd`])).toContain(
          'root:',
        );
      }
      const exec = await engine.tryDocker(['exec', 'terminal', 'sh', '-c', 'exit 9']);
      expect(exec).toMatchObject({ code: 9, stderr: '' });
    },
    end: async () => {
      await engine.tryDocker(['exec', 'gone', 'touch', '/stop']); // it may take the command down with it
      await eventually('it removes itself', async () => (await engine.tryDocker(['inspect', 'gone'])).code === 1);
      await engine.docker('kill', 'counter');
      const lines = (await command('docker', ['-H', `unix://${engine.socket}`, 'logs', 'counter'])).stdout
        .trim()
        .split('\n');
      expect(lines.length).toBeGreaterThan(1000);
      expect(lines.findIndex((line, index) => line !== String(index))).toBe(-1);
    },
  };
}

const hostAddress = async (): Promise<string> =>
  (await succeed('hostname', ['-I'])).trim().split(' ')[0] ?? '127.0.0.1';
