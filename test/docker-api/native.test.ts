import { describe, expect, it } from 'vitest';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive } from '../support/images.ts';
import { asRecorded, recorded, text } from './recordings.ts';
import { play } from './replay.ts';
import { nativeScenarios } from './scenarios.ts';

describe('the native engine answers as dockerd did', () => {
  const engine = engineForTests(asRecorded);

  for (const scenario of nativeScenarios) {
    it(scenario.name, { timeout: 180_000 }, async () => {
      const played = await play(scenario, engine().socket, await busyboxArchive());
      expect(text(played)).toBe(recorded(scenario.name));
    });
  }
});
