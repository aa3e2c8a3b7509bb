import { afterAll, beforeAll, expect } from 'vitest';
import { keptFiles, type NativeEngine, startNativeEngine, tracesOf } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/registry.ts';
import { realInput } from './real-input.ts';

let engine: NativeEngine;

beforeAll(async () => {
  engine = await startNativeEngine();
});

afterAll(async () => {
  await engine.docker('system', 'prune', '-af', '--volumes');
  await eventually('no file is left', async () => (await keptFiles(engine)).length === 0);
  await engine.stop();
  expect(await tracesOf(engine)).toEqual([]);
});

realInput('the native engine', async () => {
  const gateway = await engine.docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'bridge');
  return {
    ports: { open: await freePort(), locked: await freePort(), hostile: await freePort() },
    subject: {
      engine,
      place: 'native',
      hostForEngine: 'localhost',
      hostForContainers: gateway.trim(),
      listenOn: gateway.trim(),
    },
  };
});
