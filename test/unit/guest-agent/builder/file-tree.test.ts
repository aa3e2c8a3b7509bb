import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileTree } from '../../../../guest-agent/builder/file-tree.ts';
import { placeFiles } from '../../../../guest-agent/builder/place-files.ts';
import { fingerprint, MissingSource, selectFiles } from '../../../../guest-agent/builder/select-files.ts';

let folder: string;
let tree: FileTree;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-tree-'));
  tree = new FileTree(folder);
});
afterEach(() => {
  tree.close();
  rmSync(folder, { recursive: true });
});

const everything = { exclude: [], parents: false };
const places = (sources: string[], destination: string, there: Record<string, 'directory' | 'other'> = {}) =>
  placeFiles(selectFiles(tree, { ...everything, sources }), {
    destination,
    owner: undefined,
    mode: undefined,
    root: { look: path => there[path], follow: path => path },
  }).map(({ path }) => path);

async function hostile(): Promise<void> {
  const tar = pack();
  tar.entry({ name: '../../up', mode: 0o644 }, 'up');
  tar.entry({ name: 'out', type: 'symlink', linkname: '../../../../etc' });
  tar.entry({ name: 'loop', type: 'symlink', linkname: 'loop' });
  tar.entry({ name: 'hard', type: 'link', linkname: '../../up' });
  tar.finalize();
  await tree.addTar(Readable.from(tar));
}

describe('files of a build', () => {
  it('are names in memory: a hostile context points nowhere', async () => {
    await hostile();
    expect(tree.paths).toEqual(['hard', 'loop', 'out', 'up']);
    expect(tree.resolve('out/passwd')).toBeUndefined();
    expect(tree.resolve('loop')).toBeUndefined();
    expect(tree.resolve('../../../up')).toBe('up');
    expect(() => selectFiles(tree, { ...everything, sources: ['out/passwd'] })).toThrow(MissingSource);
  });

  it('go where BuildKit puts them', () => {
    for (const path of ['a', 'src/b', 'src/deep/c']) tree.addFile(path, Buffer.from(path));
    expect(places(['a'], '/new')).toEqual(['new']);
    expect(places(['a'], '/new/')).toEqual(['new', 'new/a']);
    expect(places(['a'], '/tmp', { '/tmp': 'directory' })).toEqual(['tmp/a']);
    expect(places(['src'], '/new')).toEqual(['new', 'new/b', 'new/deep/c']);
    expect(places(['src/*'], '/x/')).toEqual(['x', 'x/b']);
    expect(() => places(['nothing'], '/')).toThrow('"/nothing": not found');
  });

  it('are the same whatever their times are', () => {
    const of = (mtime: Date, content: string): string => {
      tree.addFile('a', Buffer.from(content), { mtime });
      return fingerprint(tree, { ...everything, sources: ['a'] });
    };
    expect(of(new Date(0), 'x')).toBe(of(new Date(), 'x'));
    expect(of(new Date(0), 'x')).not.toBe(of(new Date(0), 'y'));
  });
});
