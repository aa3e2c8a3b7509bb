import { expect, it } from 'vitest';
import { ignorer, readIgnoreFile } from '../../../../../guest-agent/builder/dockerfile/ignore.ts';

it('leaves out what the last pattern that matches says', () => {
  const ignored = ignorer(
    readIgnoreFile('# comment\n*.log\n!keep.log\n/docs/\n**/*.tmp\n!docs/README.md\nnode_modules\n'),
  );
  const all = [
    'a.log',
    'keep.log',
    'sub/a.log',
    'docs',
    'docs/x',
    'docs/README.md',
    'a.tmp',
    'x/y/b.tmp',
    'node_modules/z',
  ];
  expect(all.filter(path => !ignored(path))).toEqual(['keep.log', 'sub/a.log', 'docs/README.md']);
});

it('looks at a path once, whatever the patterns are', () => {
  const ignored = ignorer([`${'**/'.repeat(50)}${'*a'.repeat(50)}*b`]);
  expect(ignored(`${'a/'.repeat(1000)}${'a'.repeat(255)}`)).toBe(false);
});
