import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine, tracesOf } from '../support/engine.ts';
import { busyboxArchive } from '../support/images.ts';
import { recorded, text } from './recordings.ts';
import { play } from './replay.ts';
import { scenarios } from './scenarios.ts';

describe('the native engine answers as dockerd did', () => {
  let engine: NativeEngine;

  beforeAll(async () => {
    engine = await startNativeEngine();
  });

  afterAll(async () => {
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });

  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 180_000 }, async () => {
      const played = await play(scenario, engine.socket, await busyboxArchive());
      expect(text(played)).toBe(recorded(scenario.name));
    });
  }
});
