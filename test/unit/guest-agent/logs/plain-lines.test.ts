import { expect, it } from 'vitest';
import { ENTRY_BYTES, EntrySplitter } from '../../../../guest-agent/logs/entries.ts';
import { lineEnd, parseJsonLine, toJsonLine } from '../../../../guest-agent/logs/json-line.ts';
import { fromJsonLines, toJsonLines } from '../../../../guest-agent/logs/plain-lines.ts';

const end = lineEnd('stdout', '2026-01-02T03:04:05.123456789Z', undefined);

/** Line by line, as it must come out. */
const slowly = (data: Buffer, lineEnding = end): string =>
  new EntrySplitter(0)
    .push(data)
    .map(entry => toJsonLine(entry.data, lineEnding))
    .join('');

const plain = ['one line\n', '\n', '\n\n\n', 'a\nb c\n~!@#$%^*()[]{}\n', `${'x'.repeat(ENTRY_BYTES)}\nshort\n`];

it.each(plain)('plain lines together are what they are one by one', text => {
  const data = Buffer.from(text);
  expect(toJsonLines(data, end)).toBe(slowly(data));
  expect(fromJsonLines(Buffer.from(slowly(data)).subarray(0, -1))).toEqual({
    stream: 'stdout',
    data,
    time: '2026-01-02T03:04:05.123456789Z',
  });
});

const special = [
  'a"b\n',
  'a\\b\n',
  'tab\there\n',
  'cr\r\n',
  '<b>\n',
  'a&b\n',
  'Grüße\n',
  '\u0001\n',
  `${'x'.repeat(ENTRY_BYTES + 1)}\n`,
];

it.each(special)('what is not plain is left to the other way: %j', text => {
  expect(toJsonLines(Buffer.from(`before\n${text}`), end)).toBeUndefined();
});

it('no byte is written otherwise than one by one', () => {
  const blocks = Array.from({ length: 256 }, (_, byte) => Buffer.from([0x61, byte, 0x62, 0x0a, 0x0a, byte, 0x0a]));
  const together = blocks.map(block => toJsonLines(block, end));
  expect(together.filter(lines => lines !== undefined)).toHaveLength(92);
  for (const [byte, lines] of together.entries())
    if (lines) expect(lines).toBe(slowly(blocks[byte] ?? Buffer.alloc(0)));
});

it('attributes may say anything', () => {
  const named = lineEnd('stdout', '2026-01-02T03:04:05Z', { label: "$& $1 $' $$ ü" });
  const data = Buffer.from('one\ntwo\nthree\n');
  expect(toJsonLines(data, named)).toBe(slowly(data, named));
});

it.each([
  'a"b\n',
  'a\\b\n',
  'tab\there\n',
  'unfinished',
  '{"log":"\n',
  '\\n","stream":"stdout","time":"2026Z"}\n{"log":"\n',
])('log lines that are not plain come back line by line: %j', text => {
  const block = `${slowly(Buffer.from('before\n'))}${toJsonLine(Buffer.from(text), end)}`;
  expect(fromJsonLines(Buffer.from(block).subarray(0, -1))).toBeUndefined();
});

it('lines of both streams, and lines with attributes, come back line by line', () => {
  const other = lineEnd('stderr', '2026-01-02T03:04:05Z', undefined);
  const named = lineEnd('stdout', '2026-01-02T03:04:05Z', { label: 'x' });
  for (const ending of [other, named]) {
    const block = slowly(Buffer.from('a\n')) + slowly(Buffer.from('b\n'), ending) + slowly(Buffer.from('c\n'));
    expect(fromJsonLines(Buffer.from(block).subarray(0, -1))).toBeUndefined();
  }
});

it('bytes beyond ASCII come back as they are', () => {
  const data = Buffer.from('Grüße, 你好\n');
  expect(fromJsonLines(Buffer.from(slowly(data)).subarray(0, -1))?.data).toEqual(data);
  expect(parseJsonLine(slowly(data).trimEnd())?.log).toBe(data.toString());
});

it('a splitter goes on after whole lines as if it had cut them itself', () => {
  const one = new EntrySplitter(7);
  const other = new EntrySplitter(7);
  const chunks = ['ab', 'c\nde\nf', 'no end', ' yet\n', '', 'x\ny'].map(text => Buffer.from(text));
  for (const chunk of chunks) {
    const lines = one.wholeLines(chunk);
    const entries = other.push(chunk);
    if (lines) one.skip(lines, chunk);
    else expect(one.push(chunk)).toEqual([]);
    expect(lines?.data.toString() ?? '').toBe(entries.map(entry => entry.data.toString()).join(''));
    if (lines) expect(lines.end).toBe(entries.at(-1)?.end);
  }
  expect(one.finish()).toEqual(other.finish());
});
