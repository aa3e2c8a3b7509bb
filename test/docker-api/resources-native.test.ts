import { afterAll, beforeAll } from 'vitest';
import { type NativeEngine, startNativeEngine } from '../support/engine.ts';
import { resourceTests } from './resources.ts';

let engine: NativeEngine;

beforeAll(async () => {
  engine = await startNativeEngine();
});

afterAll(() => engine.stop());

resourceTests('the native engine', () => engine);
