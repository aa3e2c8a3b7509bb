import { expect, test } from 'vitest';
import { maskedAddress } from '../../../../guest-agent/engine/masked-address.ts';

test.each([
  [undefined, ''],
  ['http://proxy:3128', 'http://proxy:3128'],
  ['http://joe:hunter2@proxy:3128/', 'http://xxxxx:xxxxx@proxy:3128/'],
  ['https://joe:p@ss@proxy', 'https://xxxxx:xxxxx@proxy'],
  ['http://proxy/a@b', 'http://proxy/a@b'],
])('the proxy %s is told as %s', (address, told) => {
  expect(maskedAddress(address)).toBe(told);
});
