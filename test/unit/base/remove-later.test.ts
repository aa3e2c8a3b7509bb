import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { putOffDone } from '../../../base/put-off.ts';
import { removeLater } from '../../../base/remove-later.ts';

const root = mkdtempSync(join(tmpdir(), 'remove-later-'));
afterAll(() => rmSync(root, { recursive: true }));

const tree = (name: string, files: number): string => {
  mkdirSync(join(root, name, 'a/b'), { recursive: true });
  for (let index = 0; index < files; index++) writeFileSync(join(root, name, 'a', String(index)), 'x');
  return join(root, name);
};

it('takes its time, and everything, small and large', async () => {
  const paths = [tree('small', 1), tree('large', 100), join(root, 'not there'), tree('last', 1)];
  const removed = Promise.all(paths.map(removeLater));
  expect(existsSync(join(root, 'small'))).toBe(true);
  await removed;
  expect(readdirSync(root)).toEqual([]);
});

it('does at once what was put off, when it is asked to', async () => {
  let gone = false;
  void removeLater(tree('put off', 1)).then(() => {
    gone = true;
  });
  await putOffDone();
  expect(gone).toBe(true);
});

it('does not wait for ever where the next is always coming', async () => {
  const first = removeLater(tree('first', 1));
  let gone = false;
  void first.then(() => {
    gone = true;
  });
  const others: Promise<void>[] = [];
  while (!gone) {
    others.push(removeLater(join(root, 'not there')));
    await setTimeout(20);
  }
  expect(existsSync(join(root, 'first'))).toBe(false);
  await Promise.all(others);
});
