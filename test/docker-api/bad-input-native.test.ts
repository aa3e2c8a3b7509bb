import { describe, expect, it, onTestFinished } from 'vitest';
import { keptFiles } from '../support/engine.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';
import { freePort } from '../support/registry.ts';
import { badInput, startHostileRegistry, wordsFor } from './bad-input.ts';
import { recorded, text } from './recordings.ts';
import { play } from './replay.ts';

/** Who has a port, which dockerd does not tell. */
const holder = / \([^()]+, process \d+\)/g;

describe('the native engine with bad input', () => {
  const engine = engineForTests();

  it('says what dockerd says, and leaves nothing half-made', { timeout: 120_000 }, async () => {
    const ports = { hostile: await freePort(), closed: await freePort() };
    const hostile = await startHostileRegistry(ports.hostile);
    onTestFinished(hostile.stop);
    const words = wordsFor(ports, { host: 'localhost', address: '127.0.0.1' });
    const played = await play(badInput, engine().socket, await busyboxArchive(), words);
    const said = text(played);
    expect(said).toMatch(holder);
    expect(said.replace(holder, '')).toBe(recorded(badInput.name));
    await engine().docker('system', 'prune', '-af', '--volumes');
    await eventually('no file is left', async () => (await keptFiles(engine())).length === 0);
  });
});
