import { expect, it } from 'vitest';
import { checkReason } from '../../../../guest-agent/archive/index.ts';

it('much out of little is a bomb only where it is more than there is room for', () => {
  const room = { bytes: 1 << 30, files: 1000 };
  checkReason(1 << 30, 1, room);
  checkReason(2 ** 40, 2 ** 33, room);
  expect(() => checkReason(2 ** 31, 1000, room)).toThrow(
    'archive is a bomb: 1000 bytes unpack to more than 2147483648',
  );
});
