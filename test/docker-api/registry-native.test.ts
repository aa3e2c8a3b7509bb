import { describe, expect, it } from 'vitest';
import { keptFiles } from '../support/engine.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';
import { freePort } from '../support/registry.ts';
import { recorded, text } from './recordings.ts';
import { registryScenario, setUpRegistries } from './registry-scenario.ts';
import { play } from './replay.ts';

describe('the native engine with registries and archives', () => {
  const engine = engineForTests();

  it('says what dockerd says, and leaves nothing', { timeout: 120_000 }, async () => {
    const ports = { open: await freePort(), locked: await freePort(), closed: await freePort() };
    const { words, tearDown } = await setUpRegistries(ports);
    try {
      const played = await play(registryScenario, engine().socket, await busyboxArchive(), words);
      expect(text(played)).toBe(recorded(registryScenario.name));
    } finally {
      await tearDown();
    }
    await engine().docker('system', 'prune', '-af', '--volumes');
    await eventually('no file is left', async () => (await keptFiles(engine())).length === 0);
  });
});
