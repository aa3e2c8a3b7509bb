import { expect, it } from 'vitest';
import { logFileOf, parseLogConfig } from '../../../../guest-agent/logs/log-config.ts';

const unlimited = { ownFolder: false, maxBytes: Number.POSITIVE_INFINITY, maxFiles: 1, compress: false };

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
    compress: true,
  });
  expect(logFileOf('/c/abc', parseLogConfig('fluentd'))).toMatchObject({ path: '/c/abc/container-cached.log' });
  expect(logFileOf('/c/abc', parseLogConfig('fluentd', { 'cache-disabled': 'true' }))).toBeUndefined();
  expect(logFileOf('/c/abc', parseLogConfig('none'))).toBeUndefined();
});

it.each([
  ['splunkish', {}, "logger: no log driver named 'splunkish' is registered"],
  ['json-file', { 'max-sice': '1' }, "unknown log opt 'max-sice' for json-file log driver"],
  ['local', { labels: 'a' }, "unknown log opt 'labels' for log driver local"],
  ['json-file', { mode: 'foo' }, 'logger: logging mode not supported: foo'],
  [
    'json-file',
    { 'max-buffer-size': '1m' },
    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
  ],
  ['syslog', { 'cache-disabled': 'zz' }, 'invalid value for option cache-disabled: zz'],
  ['syslog', { x: '1' }, "unknown log opt 'x' for syslog log driver"],
  ['syslog', { 'syslog-address': 'ftp://foo' }, "unsupported scheme: 'ftp'"],
  ['syslog', { 'syslog-address': 'unix:///nope' }, 'stat /nope: no such file or directory'],
  ['syslog', { 'syslog-facility': 'zz' }, 'invalid syslog facility'],
  ['syslog', { 'syslog-format': 'zz' }, 'Invalid syslog format'],
  ['gelf', {}, 'gelf-address is a required parameter'],
  ['gelf', { 'gelf-address': 'udp://127.0.0.1' }, 'gelf: please provide gelf-address as proto://host:port'],
  ['gelf', { 'gelf-address': 'foo://127.0.0.1:1' }, 'gelf: endpoint needs to be TCP or UDP'],
  ['gelf', { 'gelf-address': 'udp://h:1', x: '1' }, 'unknown log opt "x" for gelf log driver'],
  ['fluentd', { 'fluentd-address': 'foo://bar' }, "invalid fluentd-address (foo://bar): unsupported scheme: 'foo'"],
  ['fluentd', { 'fluentd-async': 'zz' }, 'strconv.ParseBool: parsing "zz": invalid syntax'],
  ['fluentd', { 'fluentd-retry-wait': 'zz' }, 'time: invalid duration "zz"'],
  ['fluentd', { 'fluentd-max-retries': 'zz' }, 'strconv.ParseUint: parsing "zz": invalid syntax'],
  ['fluentd', { 'fluentd-buffer-limit': 'zz' }, "invalid size: 'zz'"],
  ['journald', { x: '1' }, "unknown log opt 'x' for journald log driver"],
])('a creation with %s %j is refused', (type, options, message) => {
  expect(() => parseLogConfig(type, options as Record<string, string>)).toThrow(message);
});

it.each([
  ['json-file', { 'max-size': 'lots' }, "invalid size: 'lots'"],
  ['json-file', { 'max-size': '0' }, 'max-size must be a positive number'],
  ['json-file', { 'max-size': '1k', 'max-file': '0' }, 'max-file cannot be less than 1'],
  ['json-file', { compress: 'true' }, 'compress cannot be true when max-file is less than 2 or max-size is not set'],
  ['local', { 'max-file': '1' }, 'compression cannot be enabled when max file count is 1'],
  ['local', { 'max-file': '0' }, 'compression cannot be enabled when max file count is 1'],
  ['local', { 'max-file': '-1' }, 'max file count cannot be less than 0'],
  ['local', { 'max-file': 'x' }, 'invalid value for max-file: x: strconv.Atoi: parsing "x": invalid syntax'],
  ['local', { 'max-size': '-1' }, "invalid value for max-size: -1: invalid size: '-1'"],
  ['local', { 'max-size': '99999999999999999999' }, 'max size should be a positive number'],
  ['json-file', { 'max-size': '-1' }, "invalid size: '-1'"],
  ['local', { compress: 'maybe' }, 'error reading compress log option: strconv.ParseBool: parsing "maybe"'],
])('a start with %s %j is refused', (type, options, message) => {
  const config = parseLogConfig(type, options as Record<string, string>);
  expect(() => logFileOf('/c/abc', config)).toThrow(message);
});
