import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const project = join(import.meta.dirname, '../../..');

it('security.md names only tests that exist', () => {
  const text = readFileSync(join(project, 'docs/security.md'), 'utf8');
  const named = [...text.matchAll(/`(test\/[\w./-]+\.test\.ts)` "([^"]+)"/g)].map(([, file = '', test = '']) => ({
    file,
    test,
  }));
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter(({ file, test }) => !readFileSync(join(project, file), 'utf8').includes(test))).toEqual([]);
});
