import { expect, it } from 'vitest';
import { goDurationMs } from '../../../base/go-duration.ts';

it.each([
  ['0', 0],
  ['1h30m', 5_400_000],
  ['-1.5s', -1500],
  ['+.5ms', 0.5],
  ['1.s', 1000],
  ['2µs', 0.002],
  ['', undefined],
  ['-', undefined],
  ['5', undefined],
  ['.s', undefined],
  ['1m soon', undefined],
  ['1d', undefined],
])('Go reads %s as so many milliseconds', (text, expected) => {
  expect(goDurationMs(text)).toBe(expected);
});

it.each(['1', '.'])('a million times "%s" is refused at once', text => {
  expect(goDurationMs(`${text.repeat(1_000_000)}x`)).toBeUndefined();
});
