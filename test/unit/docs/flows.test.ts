import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const project = join(import.meta.dirname, '../../..');
const flows = join(project, 'docs/flows');

for (const page of readdirSync(flows)) {
  it(`${page} names only files that exist`, () => {
    const text = readFileSync(join(flows, page), 'utf8');
    const named = [...text.matchAll(/`([\w./-]+\.ts)`/g)].map(match => match[1] ?? '');
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(file => !existsSync(join(project, file)))).toEqual([]);
  });
}
