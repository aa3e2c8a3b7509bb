import { expect, it } from 'vitest';
import { ENTRY_BYTES, EntrySplitter } from '../../../../guest-agent/logs/entries.ts';

/** The stream cut into pieces of `size` bytes, pushed, and finished. */
function split(stream: Buffer, size: number): { text: string; end: number }[] {
  const splitter = new EntrySplitter(100);
  const entries = [];
  for (let at = 0; at < stream.length; at += size) entries.push(...splitter.push(stream.subarray(at, at + size)));
  return [...entries, ...splitter.finish()].map(({ data, end }) => ({ text: data.toString('latin1'), end }));
}

it('cuts lines and keeps the rest until the end', () => {
  expect(split(Buffer.from('one\n\ntwo'), 100)).toEqual([
    { text: 'one\n', end: 104 },
    { text: '\n', end: 105 },
    { text: 'two', end: 108 },
  ]);
});

it('cuts by the bytes alone, however they come', () => {
  const lines = [1, ENTRY_BYTES - 1, ENTRY_BYTES, ENTRY_BYTES + 1, 3 * ENTRY_BYTES, 5].map(length =>
    'x'.repeat(length),
  );
  const stream = Buffer.from(`${lines.join('\n')}\n${'€'.repeat(ENTRY_BYTES)}\nend`);
  const whole = split(stream, stream.length);
  for (const size of [1, 7, 4096, ENTRY_BYTES, ENTRY_BYTES + 1, 100_000]) expect(split(stream, size)).toEqual(whole);
  expect(whole.map(({ text }) => text).join('')).toBe(stream.toString('latin1'));
});

it('cuts no character in two', () => {
  const entries = split(Buffer.from(`${'€'.repeat(ENTRY_BYTES)}\n`), 1000);
  for (const { text } of entries) expect(Buffer.from(text, 'latin1').toString('utf8')).not.toContain('\ufffd');
  expect(Math.max(...entries.map(({ text }) => text.length))).toBeLessThanOrEqual(ENTRY_BYTES);
});

it('cuts what is no text at all', () => {
  expect(split(Buffer.alloc(ENTRY_BYTES + 10, 0x80), 999).map(({ text }) => text.length)).toEqual([ENTRY_BYTES, 10]);
});
