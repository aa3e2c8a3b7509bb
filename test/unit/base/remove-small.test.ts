import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { removeIfSmall } from '../../../base/remove-small.ts';

const root = mkdtempSync(join(tmpdir(), 'remove-small-'));
const tree = (name: string): string => {
  mkdirSync(join(root, name, 'a/b'), { recursive: true });
  writeFileSync(join(root, name, 'a/file'), 'x');
  return join(root, name);
};

describe('removing what is small', () => {
  afterAll(() => rmSync(root, { recursive: true }));

  it('removes a small tree, and no file that a link in it leads to', () => {
    const path = tree('small');
    writeFileSync(join(root, 'kept'), 'kept');
    symlinkSync(join(root, 'kept'), join(path, 'link'));
    symlinkSync(root, join(path, 'folder'));
    expect(removeIfSmall(path)).toBe(true);
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(join(root, 'kept'), 'utf8')).toBe('kept');
  });

  it('leaves a tree with many entries, or many bytes, as it is', () => {
    const many = tree('many');
    for (let index = 0; index < 40; index++) writeFileSync(join(many, 'a/b', String(index)), '');
    const large = tree('large');
    writeFileSync(join(large, 'log'), Buffer.alloc(2 << 20));
    expect([removeIfSmall(many), removeIfSmall(large)]).toEqual([false, false]);
    expect([existsSync(join(many, 'a/file')), existsSync(join(large, 'a/file'))]).toEqual([true, true]);
  });

  it('has nothing against a path that is not there', () => {
    expect(removeIfSmall(join(root, 'nothing'))).toBe(true);
  });
});
