import { expect, test } from 'vitest';
import { LogSearch } from '../../../renderer/components/domain/log-search.ts';
import { LogBuffer } from '../../../renderer/model/index.ts';

test('what was found and is gone is forgotten, and what is left keeps its place', () => {
  const buffer = new LogBuffer(2048);
  const search = new LogSearch(buffer, () => true);
  const searchAll = (): void => {
    do {
      search.stop();
      search.run();
    } while (search.lineOf(search.length - 1) !== buffer.length - 1);
  };
  for (let index = 0; index < 40_000; index++) {
    buffer.push(Buffer.from(String(index)), 1);
    if (index % 100 === 99) searchAll();
  }
  search.stop();
  expect(search.line(0).text).toBe(String(buffer.dropped));
  expect(search.line(search.length - 1).text).toBe('39999');
  expect(search.dropped + search.length).toBe(40_000);
});
