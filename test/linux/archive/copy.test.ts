import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toGoMode } from '../../../guest-agent/archive/path-stat.ts';
import { canRun, descriptorCount, newArchive, tarOf, temporaryFolder } from './fixture.ts';

describe.skipIf(!canRun)('docker cp', () => {
  const archive = newArchive();
  let folder: ReturnType<typeof temporaryFolder>;
  const at = (path: string): string => join(folder.path, path);
  beforeEach(() => {
    folder = temporaryFolder();
    mkdirSync(at('root/etc/sub'), { recursive: true });
    mkdirSync(at('outside'));
    writeFileSync(at('root/etc/motd'), 'hello');
    writeFileSync(at('root/etc/sub/x'), 'x');
    symlinkSync('/etc', at('root/absolute'));
    symlinkSync('../../../../outside', at('root/escape'));
    symlinkSync('/etc/motd', at('root/to-file'));
    writeFileSync(at('outside/secret'), 'untouched');
  });
  afterEach(() => folder[Symbol.dispose]());
  afterAll(() => archive.close());

  const names = async (path: string, more: { contentsOnly?: boolean; rename?: string } = {}): Promise<string> => {
    const bytes = Buffer.concat(await archive.pack({ root: at('root'), path, ...more }).toArray());
    return execFileSync('tar', ['-tPf', '-'], { input: bytes }).toString().trim().replaceAll('\n', ' ');
  };

  it.each([
    ['/etc', 'etc/ etc/motd etc/sub/ etc/sub/x'],
    ['etc/', 'etc/ etc/motd etc/sub/ etc/sub/x'],
    ['/etc/.', './ ./motd ./sub/ ./sub/x'],
    ['/etc/motd', 'motd'],
    ['/absolute', 'absolute'],
    ['/absolute/', 'absolute/ absolute/motd absolute/sub/ absolute/sub/x'],
    ['/absolute/motd', 'motd'],
    ['/../../etc/sub', 'sub/ sub/x'],
    ['/', '/ /absolute /escape /etc/ /etc/motd /etc/sub/ /etc/sub/x /to-file'],
  ])('out of %s comes %s', async (path, expected) => {
    expect(await names(path)).toBe(expected);
  });

  it('out of / for an export come names without a leading slash', async () => {
    expect(await names('/', { contentsOnly: true })).toBe('absolute escape etc/ etc/motd etc/sub/ etc/sub/x to-file');
    expect(await names('/etc/sub', { rename: 'other' })).toBe('other/ other/x');
  });

  it.each(['/nothing', '/escape/secret', '/etc/motd/', '/etc/motd/x'])('%s is not there', async path => {
    await expect(names(path)).rejects.toMatchObject({ kind: 'not-found', message: path });
    expect(archive.stat(at('root'), path)).toBeUndefined();
  });

  it('tells what a path is as Docker does', () => {
    const stat = (path: string) => archive.stat(at('root'), path);
    expect(stat('/etc')).toMatchObject({ name: 'etc', mode: 0o755 + 2 ** 31, linkTarget: '' });
    expect(stat('/etc/motd')).toMatchObject({ name: 'motd', size: 5, mode: 0o644 });
    expect(stat('/absolute')).toMatchObject({ name: 'absolute', linkTarget: '/etc', mode: 0o777 + 2 ** 27 });
    expect(stat('/to-file')?.linkTarget).toBe('/etc/motd');
    expect(stat('/escape')?.linkTarget).toBe('/outside');
    expect(stat('/absolute/')).toMatchObject({ name: 'absolute', mode: 0o755 + 2 ** 31 });
    expect(stat('/')).toMatchObject({ name: '/' });
    expect(toGoMode(0o104755)).toBe(0o755 + 2 ** 23);
    expect(toGoMode(0o020666)).toBe(0o666 + 2 ** 26 + 2 ** 21);
  });

  const into = (
    path: string,
    tar: Buffer,
    more: { noOverwriteDirNonDir?: boolean; owner?: { uid: number; gid: number } } = {},
  ) =>
    archive.unpack({
      root: at('root'),
      path,
      tar: Readable.from([tar.subarray(0, 700), tar.subarray(700)]),
      noOverwriteDirNonDir: more.noOverwriteDirNonDir ?? false,
      copyUIDGID: more.owner !== undefined,
      owner: more.owner,
    });

  it("goes into a directory, through links, with the archive's owners or with one", async () => {
    await into(
      '/absolute/sub',
      tarOf({ name: 'd/new', contents: 'n', uid: 7, gid: 8 }, { name: '.wh.x', contents: 'w' }),
    );
    expect(statSync(at('root/etc/sub/d/new'))).toMatchObject({ uid: 7, gid: 8 });
    expect(existsSync(at('root/etc/sub/x'))).toBe(true);
    expect(readFileSync(at('root/etc/sub/.wh.x'), 'utf8')).toBe('w');
    await into('/etc', tarOf({ name: 'owned', uid: 7, gid: 8 }), { owner: { uid: 3, gid: 4 } });
    expect(statSync(at('root/etc/owned'))).toMatchObject({ uid: 3, gid: 4 });
  });

  it('takes a compressed archive too, and answers while the client is still sending', async () => {
    await into('/etc', gzipSync(tarOf({ name: 'zipped', contents: 'z'.repeat(2000) })));
    expect(readFileSync(at('root/etc/zipped'), 'utf8')).toBe('z'.repeat(2000));
    const stalled = new PassThrough();
    stalled.write(tarOf({ name: '../x' }));
    const request = { root: at('root'), tar: stalled, noOverwriteDirNonDir: false, copyUIDGID: false };
    await expect(archive.unpack({ ...request, path: '/etc' })).rejects.toThrow('outside of the root');
    await expect(archive.unpack({ ...request, path: '/nothing' })).rejects.toThrow('/nothing');
    expect(stalled.destroyed).toBe(false);
  });

  it('resolves links in the tree from the root of the container, not from where it unpacks', async () => {
    mkdirSync(at('root/here'));
    symlinkSync('/etc', at('root/here/link'));
    await into('/here', tarOf({ name: 'link/through', contents: 't' }));
    expect(readFileSync(at('root/etc/through'), 'utf8')).toBe('t');
    expect(readlinkSync(at('root/here/link'))).toBe('/etc');
  });

  it('never leaves the root', async () => {
    await into('/', tarOf({ name: 'escape/secret', contents: 'pwned' })).catch(() => undefined);
    await into('/escape', tarOf({ name: 'secret', contents: 'pwned' })).catch(() => undefined);
    await expect(into('/etc', tarOf({ name: '../x' }))).rejects.toThrow('"../x" is outside of the root');
    expect(readFileSync(at('outside/secret'), 'utf8')).toBe('untouched');
  });

  it.each([
    ['/nothing', 'a', 'not-found', '/nothing'],
    ['/etc/motd', 'a', 'invalid-argument', 'extraction point is not a directory'],
    ['/etc', 'sub', 'invalid-argument', 'cannot overwrite directory "/etc/sub" with non-directory "/etc"'],
    ['/etc', 'motd/', 'invalid-argument', 'cannot overwrite non-directory "/etc/motd" with directory "/etc"'],
  ])('into %s a member %s is refused: %s', async (path, name, kind, message) => {
    const tar = tarOf({ name, type: name.endsWith('/') ? 'directory' : 'file' });
    await expect(into(path, tar, { noOverwriteDirNonDir: true })).rejects.toMatchObject({ kind, message });
  });

  it('says of links that lead to each other that they lead nowhere', async () => {
    symlinkSync('round', at('root/round'));
    const refusal = { kind: 'internal', message: 'EvalSymlinks: too many links' };
    expect(() => archive.stat(at('root'), '/round/x')).toThrow(expect.objectContaining(refusal));
    expect(archive.stat(at('root'), '/round')).toMatchObject({ linkTarget: '/round' });
  });

  it('copies a large file both ways, and stops when the reader goes away', async () => {
    execFileSync('sh', ['-c', `head -c 20000000 /dev/urandom > ${at('root/big')}`]);
    mkdirSync(at('root/copy'));
    await archive.unpack({
      root: at('root'),
      path: '/copy',
      tar: archive.pack({ root: at('root'), path: '/big' }),
      noOverwriteDirNonDir: false,
      copyUIDGID: false,
    });
    execFileSync('cmp', [at('root/big'), at('root/copy/big')]);
    const before = descriptorCount();
    for (let round = 0; round < 10; round++) {
      const stream = archive.pack({ root: at('root'), path: '/big' });
      for await (const _ of stream) break;
      stream.destroy();
      archive.pack({ root: at('root'), path: '/big' }).destroy();
    }
    await expect.poll(descriptorCount).toBeLessThanOrEqual(before);
  });

  it('copies a tree with owners, links and times', async () => {
    mkdirSync(at('target'));
    execFileSync('sh', [
      '-ec',
      `cd ${at('root/etc')}; ln motd hard; chown 5:6 motd; chmod 750 .; touch -d 2001-01-01 sub .`,
    ]);
    await archive.copyTree({ root: at('root'), path: '/absolute', target: at('target') });
    expect(statSync(at('target/hard')).ino).toBe(statSync(at('target/motd')).ino);
    expect(statSync(at('target/motd'))).toMatchObject({ uid: 5, gid: 6 });
    expect(statSync(at('target')).mode & 0o777).toBe(0o750);
    expect(statSync(at('target')).mtime).toEqual(statSync(at('root/etc')).mtime);
    expect(statSync(at('target/sub')).mtime).toEqual(statSync(at('root/etc/sub')).mtime);
    await archive.copyTree({ root: at('root'), path: '/nothing', target: at('target') });
  });
});
