import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tailStart } from '../../../../guest-agent/logs/log-reader.ts';

it.each([
  ['', 3, 0, 0],
  ['a\n', 1, 0, 1],
  ['a\nb\nc\n', 2, 2, 2],
  ['a\nb\nc\n', 3, 0, 3],
  ['a\nb\nc\n', 9, 0, 3],
  ['\n\n', 1, 1, 1],
  [`${'x'.repeat(200_000)}\nlast\n`, 1, 200_001, 1],
  [`first\n${'x'.repeat(200_000)}\nlast\n`, 2, 6, 2],
])('finds the tail of %j', (text, count, offset, lines) => {
  const directory = mkdtempSync(join(tmpdir(), 'tail-'));
  writeFileSync(join(directory, 'log'), text);
  const fd = openSync(join(directory, 'log'), 'r');
  expect(tailStart(fd, count)).toEqual({ offset, lines });
  closeSync(fd);
  rmSync(directory, { recursive: true });
});
