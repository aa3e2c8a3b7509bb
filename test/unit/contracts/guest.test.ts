import { expect, it } from 'vitest';
import { parseBootLine } from '../../../contracts/guest.ts';

it('hears the phases of a boot, its failure, and nothing else', () => {
  expect(parseBootLine('{"phase":"root","t":4.98,"message":""}')).toEqual({ phase: 'root', t: 4.98 });
  expect(parseBootLine('{"phase":"failed","t":7,"message":"no disk"}')).toEqual({
    phase: 'failed',
    t: 7,
    message: 'no disk',
  });
  for (const line of ['', '{"phase":"ro', '{"phase":"lunch","t":1}', '{"phase":"root"}', 'null', '[]', '3']) {
    expect(parseBootLine(line)).toBeUndefined();
  }
});
