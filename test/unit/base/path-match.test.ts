import { describe, expect, it } from 'vitest';
import { pathMatcher } from '../../../base/path-match.ts';

describe("Go's path.Match", () => {
  it.each([
    ['busybox', 'busybox', true],
    ['busy*', 'busybox:latest', true],
    ['*', 'a/b', false],
    ['*/*', 'a/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['a[0-9]', 'a5', true],
    ['a[^0-9]', 'a5', false],
    ['[\\]a]', ']', true],
    ['[\\-x]', '-', true],
    ['a.c', 'abc', false],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['a???b', 'a☺☺☺b', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['***', '', true],
    ['(+', '(+', true],
  ])('%s against %s: %s', (pattern, text, matches) => {
    expect(pathMatcher(pattern)(text)).toBe(matches);
  });

  it.each(['[]a]', '[-]', '[x-]', '[a-b-c]', '[', '[^', '[^bc', 'a[', 'a\\', 'b*['])('%s is no pattern', pattern => {
    expect(() => pathMatcher(pattern)).toThrow('syntax error in pattern');
  });

  it('takes no longer for a pattern that is meant to take for ever', () => {
    expect(pathMatcher(`${'*a'.repeat(500)}*b`)('a'.repeat(5000))).toBe(false);
  });
});
