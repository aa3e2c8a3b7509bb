import { afterAll, beforeAll, expect } from 'vitest';
import { type NativeEngine, startNativeEngine, tracesOf } from './engine.ts';

/** An engine for the tests of the `describe` around it; when it has ended, nothing of it may be left. */
export function engineForTests(): () => NativeEngine {
  let engine: NativeEngine;
  beforeAll(async () => {
    engine = await startNativeEngine();
  });
  afterAll(async () => {
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });
  return () => engine;
}
