import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive } from '../support/images.ts';
import { inquire, type Reply, repliesText } from './ask.ts';
import { inquiries } from './inquiries/index.ts';
import { asRecorded } from './recordings.ts';

const recordings = JSON.parse(readFileSync(join(import.meta.dirname, '../recordings/inquiries.json'), 'utf8')) as {
  inquiries: Record<string, Reply[]>;
};

describe('the native engine answers requests as dockerd did', () => {
  const engine = engineForTests(asRecorded);

  for (const inquiry of inquiries) {
    it(inquiry.name, { timeout: 120_000 }, async () => {
      const replies = await inquire(inquiry, engine().socket, await busyboxArchive());
      expect(repliesText(replies)).toBe(repliesText(recordings.inquiries[inquiry.name] ?? []));
    });
  }
});
