import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine, tracesOf } from '../support/engine.ts';
import { busyboxArchive } from '../support/images.ts';
import { inquire, type Reply, repliesText } from './ask.ts';
import { inquiries } from './inquiries.ts';

const recordings = JSON.parse(readFileSync(join(import.meta.dirname, '../recordings/inquiries.json'), 'utf8')) as {
  inquiries: Record<string, Reply[]>;
};

describe('the native engine answers requests as dockerd did', () => {
  let engine: NativeEngine;

  beforeAll(async () => {
    engine = await startNativeEngine();
  });

  afterAll(async () => {
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });

  for (const inquiry of inquiries) {
    it(inquiry.name, { timeout: 120_000 }, async () => {
      const replies = await inquire(inquiry, engine.socket, await busyboxArchive());
      expect(repliesText(replies)).toBe(repliesText(recordings.inquiries[inquiry.name] ?? []));
    });
  }
});
