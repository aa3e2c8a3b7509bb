import { expect, it } from 'vitest';
import { lineEnd, nowNs, parseJsonLine, toJsonLine, toRfc3339Nano } from '../../../../guest-agent/logs/json-line.ts';

const time = '2026-01-02T03:04:05.123456789Z';

it('writes lines as Docker does', () => {
  expect(toJsonLine(Buffer.from('a "b" <c> & \t\\\u2028\b\n'), lineEnd('stdout', time, undefined))).toBe(
    `{"log":"a \\"b\\" \\u003cc\\u003e \\u0026 \\t\\\\\\u2028\\b\\n","stream":"stdout","time":"${time}"}\n`,
  );
  expect(toJsonLine(Buffer.from('x'), lineEnd('stderr', time, { tag: 'web' }))).toBe(
    `{"log":"x","stream":"stderr","attrs":{"tag":"web"},"time":"${time}"}\n`,
  );
});

it('reads back what it wrote, and nothing else', () => {
  const line = toJsonLine(Buffer.from('héllo\n'), lineEnd('stderr', time, undefined));
  expect(parseJsonLine(line)).toEqual({ log: 'héllo\n', stream: 'stderr', time });
  expect([parseJsonLine(line.slice(5)), parseJsonLine(''), parseJsonLine('{"log":1}')]).toEqual(
    Array(3).fill(undefined),
  );
});

it.each([
  'plain',
  'plain\n',
  '',
  '\n',
  'tab\t\n',
  'back\\\\',
  'back\\n',
  '\\\n',
  '","stream":"stdout","time":"x"}\n',
  '€ <&>\n',
  'cr\r\n',
])('reads back %j', log => {
  for (const attributes of [undefined, { a: '","stream":"stderr' }]) {
    const attrs = attributes ? { attrs: attributes } : {};
    const line = toJsonLine(Buffer.from(log), lineEnd('stdout', time, attributes)).trimEnd();
    expect(parseJsonLine(line)).toEqual({ log, stream: 'stdout', time, ...attrs });
  }
});

it('writes times as Go does', () => {
  expect(toRfc3339Nano(1_767_323_045_123_456_789n)).toBe('2026-01-02T03:04:05.123456789Z');
  expect(toRfc3339Nano(1_767_323_045_120_000_000n)).toBe('2026-01-02T03:04:05.12Z');
  expect(toRfc3339Nano(1_767_323_045_000_000_000n)).toBe('2026-01-02T03:04:05Z');
  const before = Date.now();
  const now = Number(nowNs() / 1_000_000n);
  expect(now).toBeGreaterThanOrEqual(before - 10); // it may be that far from the clock
  expect(now).toBeLessThanOrEqual(Date.now() + 10);
});
