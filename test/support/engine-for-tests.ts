import { afterAll, beforeAll, expect } from 'vitest';
import { type NativeEngine, startNativeEngine, tracesOf } from './engine.ts';

/** An engine for the tests of the `describe` around it; when it has ended, nothing of it may be left. `config`: daemon.json. */
export function engineForTests(config: Record<string, unknown> = {}): () => NativeEngine {
  let engine: NativeEngine;
  beforeAll(async () => {
    engine = await startNativeEngine(config);
  });
  afterAll(async () => {
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });
  return () => engine;
}
