import { expect, it } from 'vitest';
import { logFileOf, parseLogConfig } from '../../../../guest-agent/logs/log-config.ts';

const unlimited = { ownFolder: false, maxBytes: Number.POSITIVE_INFINITY, maxFiles: 1 };

it('knows where logs go and when they are rotated', () => {
  expect(logFileOf('/c/abc', parseLogConfig(undefined))).toEqual({ path: '/c/abc/abc-json.log', ...unlimited });
  expect(logFileOf('/c/abc', parseLogConfig('json-file', { 'max-size': '10m', 'max-file': '3' }))).toMatchObject({
    maxBytes: 10_000_000,
    maxFiles: 3,
  });
  expect(logFileOf('/c/abc', parseLogConfig('local'))).toEqual({
    path: '/c/abc/local-logs/container.log',
    ownFolder: true,
    maxBytes: 20_000_000,
    maxFiles: 5,
  });
});

it.each([
  ['splunkish', {}, "logger: no log driver named 'splunkish' is registered"],
  ['json-file', { 'max-sice': '1' }, "unknown log opt 'max-sice' for json-file log driver"],
  ['json-file', { 'max-size': 'lots' }, "invalid size: 'lots'"],
  ['json-file', { 'max-size': '0' }, 'max-size must be a positive number'],
  ['json-file', { 'max-size': '1k', 'max-file': '0' }, 'max-file cannot be less than 1'],
  ['json-file', { compress: 'true' }, 'compress cannot be true when max-file is less than 2 or max-size is not set'],
])('refuses %s %j', (type, options, message) => {
  expect(() => parseLogConfig(type, options as Record<string, string>)).toThrow(message);
});
