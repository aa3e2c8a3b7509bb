import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine, traces } from '../support/engine.ts';
import { busyboxArchive } from '../support/images.ts';
import { type Outcome, play } from './replay.ts';
import { scenarios } from './scenarios.ts';

const recordings = JSON.parse(readFileSync(join(import.meta.dirname, '../recordings/docker.json'), 'utf8')) as {
  scenarios: Record<string, Outcome[]>;
};

const text = (outcomes: Outcome[]): string =>
  outcomes
    .map(({ docker, code, stdout, stderr }) => `$ docker ${docker.join(' ')}\n[${code}]\n${stdout}${stderr}`)
    .join('\n');

describe('the native engine answers as dockerd did', () => {
  let engine: NativeEngine;
  let before: string[];

  beforeAll(async () => {
    before = await traces();
    engine = await startNativeEngine();
  });

  afterAll(async () => {
    await engine.stop();
    expect(await traces()).toEqual(before);
  });

  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 180_000 }, async () => {
      const played = await play(scenario, engine.socket, await busyboxArchive());
      expect(text(played)).toBe(text(recordings.scenarios[scenario.name] ?? []));
    });
  }
});
