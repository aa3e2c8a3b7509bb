import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { appendDocument, readLastDocument } from '../../../base/json-lines.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-lines-'));
  path = join(folder, 'document.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('the last line is the document', () => {
  expect(readLastDocument(path)).toBeUndefined();
  for (const state of ['created', 'running', 'exited']) appendDocument(path, { state });
  expect(readLastDocument(path)).toEqual({ state: 'exited' });
});

it('wherever the last line is torn, the one before it counts, and the next change is read again', () => {
  appendDocument(path, { state: 'running' });
  const whole = statSync(path).size;
  appendDocument(path, { state: 'exited', code: 7 });
  const end = statSync(path).size;
  for (let length = end - 1; length > whole; length--) {
    truncateSync(path, length);
    expect(readLastDocument(path)).toEqual({ state: 'running' });
  }
  appendFileSync(path, '\n{"state":"ex\0\0\0');
  appendDocument(path, { state: 'exited' });
  expect(readLastDocument(path)).toEqual({ state: 'exited' });
});

it('a file without a whole line is an error, not an empty document', () => {
  appendFileSync(path, '\n{"state":"crea');
  expect(() => readLastDocument(path)).toThrow(SyntaxError);
});

it('grows no further than it must', () => {
  const text = 'x'.repeat(1000);
  for (let count = 0; count < 200; count++) appendDocument(path, { count, text });
  expect(readLastDocument(path)).toEqual({ count: 199, text });
  expect(readFileSync(path).length).toBeLessThan(80_000);
});
