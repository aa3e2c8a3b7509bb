import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { imageArchive } from '../security/fixture.ts';
import { long, randomSequence, whyNot } from './faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const kills = long ? 300 : 20;
const seed = Number(process.env.BERTH_TEST_SEED ?? 20_261_121);
const layerCount = 12;
const berth = join(dirname(dirname(dirname(import.meta.dirname))), 'bin/berth');

describe.skipIf(reason)('an engine killed while images come and go', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-store-killed-'));
  const archive = join(folder, 'tall.tar');
  let registry: Registry;
  let engine: NativeEngine;

  beforeAll(async () => {
    const layers = Array.from({ length: layerCount }, (_, layer) =>
      Array.from({ length: 20 }, (__, file) => ({ name: `l${layer}/f${file}`, text: randomBytes(20_000) })),
    );
    writeFileSync(archive, await imageArchive('tall:latest', layers));
    registry = await startRegistry();
    await registry.push(archive, 'tall:latest');
    engine = await startNativeEngine();
  }, kills * 3000);
  afterAll(async () => {
    await engine?.stop();
    await registry?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const pull = ['pull', '-q'] as const;
  const load = ['load', '-q', '-i', archive];
  /** What several clients do over and over until nobody answers. */
  const works = (name: string): string[][][] => [
    [
      [...pull, name],
      ['rmi', '-f', name],
    ],
    [load, ['tag', 'tall', 'other'], ['push', '-q', `${registry.host}/copy`], ['rmi', '-f', 'tall', 'other']],
    [
      ['create', '--name', 'base', 'busybox', 'true'],
      ['cp', archive, 'base:/changed'],
      ['commit', 'base', 'committed'],
      ['rm', 'base'],
      ['rmi', 'committed'],
    ],
    [['image', 'prune', '-af']],
  ];

  it('has a whole store, and goes on where it stopped', { timeout: kills * 60_000 }, async () => {
    console.log(`${kills} kills, BERTH_TEST_SEED=${seed}`);
    const random = randomSequence(seed);
    const name = `${registry.host}/tall:latest`;
    for (let kill = 0; kill < kills; kill++) {
      await engine.docker('load', '-q', '-i', await busyboxArchive());
      let alive = true;
      const clients = works(name).map(async steps => {
        while (alive) for (const step of steps) if (alive) await engine.tryDocker(step);
      });
      await sleep(random() * 1000);
      alive = false;
      await engine.kill();
      await Promise.all(clients);
      const check = await command(berth, ['engine', 'check', '--root', engine.root], { timeoutMs: 600_000 });
      expect([check.stdout, check.code]).toEqual([expect.stringMatching(/^\d images: all is well\n$/), 0]);
      await engine.restart();
      await engine.docker(...pull, name);
      await engine.docker(...load);
      const ids = await engine.docker('image', 'inspect', '--format', '{{.RootFS.Layers}}', name, 'tall');
      expect(new Set(ids.trim().split('\n')).size).toBe(1);
      await engine.docker('rmi', '-f', name, 'tall');
      await engine.tryDocker(['rm', '-f', 'base']);
      if ((kill + 1) % 25 === 0) console.log(`${kill + 1} kills, all is well`);
    }
  });
});
