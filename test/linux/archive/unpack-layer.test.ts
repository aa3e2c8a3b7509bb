import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DiffId } from '../../../contracts/oci/digest.ts';
import { checksumOf } from '../../../guest-agent/archive/tar-format.ts';
import { newFilesystem } from '../../../guest-agent/syscalls/mount.ts';
import { getXattrAt } from '../../../guest-agent/syscalls/xattr.ts';
import { canRun, descriptorCount, layerWorkshop, tarOf } from './fixture.ts';

const digest = (bytes: Buffer): DiffId => `sha256:${createHash('sha256').update(bytes).digest('hex')}` as DiffId;

describe.skipIf(!canRun)('unpackLayer', () => {
  const { archive, at } = layerWorkshop();
  beforeEach(() => {
    mkdirSync(at('outside'));
    writeFileSync(at('outside/secret'), 'untouched');
  });

  const unpack = (bytes: Buffer, compression: 'none' | 'gzip' | 'zstd' = 'none') => {
    writeFileSync(at('blob'), bytes);
    return archive.unpackLayer({ blob: at('blob'), compression, target: at('layer') });
  };

  it('makes what tar(1) makes, from plain, gzip and zstd', async () => {
    const source = at('source');
    execFileSync('sh', [
      '-ec',
      `mkdir -p ${source}/d/e; cd ${source}; echo hello > d/f; ln d/f d/hard; ln -s /d/f sym; mkfifo p; mknod c c 1 3
       mknod b b 7 0; cp d/f s; chown 12:34 s; chmod 6755 s; truncate -s 1M hole; echo end >> hole; echo x > "d/é ü"
       chmod 1777 d/e; chown -h 5:6 sym; touch -hd '2000-01-01' p c b s hole "d/é ü" d/e d; touch -hd '2001-02-03 04:05:06' d/f sym d/e; touch -d '2002-02-02' d`,
    ]);
    for (const format of ['pax', 'gnu', 'oldgnu']) {
      const bytes = execFileSync('tar', ['-C', source, `--format=${format}`, '-S', '-c', '.'], { maxBuffer: 1 << 26 });
      for (const [compression, blob] of [
        ['none', bytes],
        ['gzip', gzipSync(bytes)],
        ['zstd', zstdCompressSync(bytes)],
      ] as const) {
        execFileSync('rm', ['-rf', at('layer')]);
        mkdirSync(at('layer'));
        const result = await unpack(blob, compression);
        expect(result.diffId).toBe(digest(bytes));
        expect(listing(at('layer'))).toBe(listing(source));
        expect(statSync(at('layer/hole')).blocks).toBe(statSync(join(source, 'hole')).blocks);
        expect(execFileSync('diff', ['-r', '--no-dereference', '--exclude=[pcb]', source, at('layer')]).length).toBe(0);
      }
    }
  });

  it('reads members of gzip and frames of zstd that follow one another', async () => {
    const bytes = tarOf({ name: 'a', contents: 'x'.repeat(5000) }, { name: 'b', contents: 'y' });
    const [head, tail] = [bytes.subarray(0, 3000), bytes.subarray(3000)];
    const skippable = Buffer.from('502a4d1804000000abcdabcd', 'hex');
    expect((await unpack(Buffer.concat([gzipSync(head), gzipSync(tail)]), 'gzip')).diffId).toBe(digest(bytes));
    mkdirSync(at('second'));
    writeFileSync(at('blob'), Buffer.concat([zstdCompressSync(head), zstdCompressSync(tail), skippable]));
    const second = await archive.unpackLayer({ blob: at('blob'), compression: 'zstd', target: at('second') });
    expect(second.diffId).toBe(digest(bytes));
  });

  it('turns whiteouts into the marks of overlayfs', async () => {
    await unpack(
      tarOf(
        { name: 'etc/.wh.motd' },
        { name: 'var/', type: 'directory' },
        { name: 'var/.wh..wh..opq' },
        { name: '.wh..wh.plnk' },
        { name: 'both/.wh.d' },
        { name: 'both/d/', type: 'directory' },
      ),
    );
    const motd = lstatSync(at('layer/etc/motd'));
    expect([motd.isCharacterDevice(), motd.rdev]).toEqual([true, 0]);
    expect(opaque('var')).toBe('y');
    expect(opaque('both/d')).toBe('y');
    expect(opaque('etc')).toBeUndefined();
    expect(existsSync(at('layer/.wh..wh.plnk'))).toBe(false);
  });
  const xattr = (path: string, name: string): Buffer | undefined => {
    const fd = openSync(at('layer'), 'r');
    try {
      return getXattrAt(fd, path, name);
    } finally {
      closeSync(fd);
    }
  };
  const opaque = (path: string): string | undefined => xattr(path, 'trusted.overlay.opaque')?.toString();

  it('sets capabilities, and no attribute that would steer overlayfs', async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const xattrs = new Map([
      ['security.capability', capability],
      ['user.note', Buffer.from([0, 255, 10])],
      ['trusted.overlay.redirect', Buffer.from('/etc')],
    ]);
    await unpack(tarOf({ name: 'ping', uid: 5, contents: 'x', xattrs }));
    expect(xattr('ping', 'security.capability')).toEqual(capability);
    expect(xattr('ping', 'user.note')).toEqual(Buffer.from([0, 255, 10]));
    expect(xattr('ping', 'trusted.overlay.redirect')).toBeUndefined();
  });

  it('lets a later member replace an earlier one, and merges directories', async () => {
    const { size } = await unpack(
      tarOf(
        { name: 'd/one', contents: '1' },
        { name: 'd/', type: 'directory', mode: 0o700 },
        { name: 'f', contents: 'old contents' },
        { name: 'f', contents: 'new' },
        { name: 'x/y' },
        { name: 'x', type: 'symlink', linkName: 'd' },
        { name: 'x/two', contents: '2' },
      ),
    );
    expect(readFileSync(at('layer/f'), 'utf8')).toBe('new');
    expect(lstatSync(at('layer/d')).mode & 0o777).toBe(0o700);
    expect(readlinkSync(at('layer/x'))).toBe('d');
    expect(readFileSync(at('layer/d/two'), 'utf8')).toBe('2');
    expect(size).toBe(5 + 4 - 4);
  });

  describe('nothing gets out of the layer', () => {
    const escapes: Record<string, Buffer> = {
      'a name with ..': tarOf({ name: '../outside/secret', contents: 'pwned' }),
      'a name with .. in the middle': tarOf({ name: 'a/../../outside/secret', contents: 'pwned' }),
      'an absolute name': tarOf({ name: '/outside/secret', contents: 'pwned' }),
      'a relative link': tarOf(
        { name: 'l', type: 'symlink', linkName: '../outside' },
        { name: 'l/secret', contents: 'pwned' },
      ),
      'an absolute link': tarOf(
        { name: 'l', type: 'symlink', linkName: '/proc/self/cwd/outside' },
        { name: 'l/secret', contents: 'pwned' },
      ),
      'a link as the file itself': tarOf(
        { name: 'l', type: 'symlink', linkName: '../outside/secret' },
        { name: 'l', contents: 'pwned' },
      ),
      'a hard link to the outside': tarOf(
        { name: 'h', type: 'hardLink', linkName: '../outside/secret' },
        { name: 'h', contents: 'pwned' },
      ),
      'a hard link through a link': tarOf(
        { name: 'l', type: 'symlink', linkName: '../outside' },
        { name: 'h', type: 'hardLink', linkName: 'l/secret' },
      ),
      'a whiteout of ..': tarOf({ name: '.wh...' }),
      'a whiteout through a link': tarOf(
        { name: 'l', type: 'symlink', linkName: '../outside' },
        { name: 'l/.wh.secret' },
      ),
      'an opaque mark through a link': tarOf(
        { name: 'l', type: 'symlink', linkName: '../outside' },
        { name: 'l/.wh..wh..opq' },
      ),
      'a directory over a link': tarOf(
        { name: 'l', type: 'symlink', linkName: '../outside' },
        { name: 'l/', type: 'directory', mode: 0o777 },
      ),
    };
    it.each(Object.keys(escapes))('%s', async name => {
      const before = listing(at('outside'));
      await unpack(escapes[name] ?? Buffer.alloc(0)).catch(error => {
        expect(error.message).toMatch(/outside of the root|invalid whiteout|ENOENT|outside/);
      });
      expect(listing(at('outside'))).toBe(before);
      expect(readFileSync(at('outside/secret'), 'utf8')).toBe('untouched');
      expect(opaque('../outside')).toBeUndefined();
    });
  });

  it.each([
    ['cut short', (tar: Buffer) => gzipSync(tar).subarray(0, 60), 'unexpected EOF'],
    ['cut short inside', (tar: Buffer) => gzipSync(tar.subarray(0, 700)), 'unexpected EOF'],
    ['not gzip', () => Buffer.from('this is no gzip at all'), 'invalid gzip data: incorrect header check'],
  ])('a layer that is %s is told', async (_name, spoil, message) => {
    await expect(unpack(spoil(tarOf({ name: 'a', contents: 'x'.repeat(3000) })), 'gzip')).rejects.toThrow(message);
  });

  it('tells a wrong digest, leaks no descriptor', async () => {
    const bytes = tarOf({ name: 'a', contents: 'x' });
    writeFileSync(at('blob'), bytes);
    const request = { blob: at('blob'), compression: 'none', target: at('layer') } as const;
    const before = descriptorCount();
    for (let round = 0; round < 20; round++) {
      await expect(archive.unpackLayer({ ...request, expectedDiffId: digest(Buffer.from('other')) })).rejects.toThrow(
        `wrong diff id calculated on extraction "${digest(bytes)}"`,
      );
    }
    expect(descriptorCount()).toBeLessThanOrEqual(before + 1);
  });

  it('leaks no descriptor when the compressed bytes are bad', async () => {
    const before = descriptorCount();
    for (let round = 0; round < 10; round++) {
      await expect(unpack(gzipSync(Buffer.alloc(5_000_000, 'not a tar')), 'gzip')).rejects.toThrow(
        'invalid tar header',
      );
      await expect(unpack(Buffer.alloc(5_000_000), 'zstd')).rejects.toThrow('invalid zstd data');
    }
    await expect.poll(descriptorCount).toBeLessThanOrEqual(before);
  });

  it('refuses what would fill the disk with zeros, or take its last inodes', async () => {
    const disk = newFilesystem('tmpfs', ['size=1m', 'nr_inodes=100']);
    const frame = zstdCompressSync(Buffer.alloc(64 << 20));
    const request = { blob: at('blob'), compression: 'zstd', target: `/proc/self/fd/${disk}` } as const;
    try {
      writeFileSync(at('blob'), Buffer.concat([zstdCompressSync(tarOf({ name: 'a' })), ...Array(20).fill(frame)]));
      await expect(archive.unpackLayer(request)).rejects.toThrow(/^archive is a bomb: \d+ bytes unpack to more than/);
      const many = tarOf(...Array.from({ length: 200 }, (_, number) => ({ name: `${number}` })));
      writeFileSync(at('blob'), zstdCompressSync(many));
      await expect(archive.unpackLayer(request)).rejects.toThrow('more files than the file system has left');
    } finally {
      closeSync(disk);
    }
  });

  it.each([
    [
      'of more bytes than there are numbers for',
      (header: Buffer) => header.write('\x80'.padEnd(12, '\xff'), 124, 'latin1'),
    ],
    ['of fewer bytes than none', (header: Buffer) => header.fill(0xff, 124, 136)],
    ['of an owner whom nobody can be', (header: Buffer) => header.write('\x80\0\0\x01\0\0\0\0', 108, 'latin1')],
    ['of a kind that is none', (header: Buffer) => header.write('Z', 156)],
  ])('refuses a member %s', async (_name, spoil) => {
    const bytes = tarOf({ name: 'a', contents: 'x' });
    spoil(bytes);
    bytes.write(`${checksumOf(bytes.subarray(0, 512)).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await expect(unpack(bytes)).rejects.toThrow(/invalid tar header|unhandled tar header type/);
  });

  it('tells a full disk', async () => {
    const disk = newFilesystem('tmpfs', ['size=1m']);
    writeFileSync(at('blob'), tarOf({ name: 'big', contents: 'x'.repeat(2_000_000) }));
    const request = { blob: at('blob'), compression: 'none', target: `/proc/self/fd/${disk}` } as const;
    try {
      await expect(archive.unpackLayer(request)).rejects.toMatchObject({
        kind: 'unavailable',
        message: 'no space left on device',
      });
    } finally {
      closeSync(disk);
    }
  });

  it('follows a blob that is still growing, and a stream', async () => {
    const bytes = gzipSync(tarOf({ name: 'a', contents: 'abc'.repeat(100_000) }), { level: 0 });
    writeFileSync(at('blob'), '');
    async function* growth(): AsyncGenerator<number> {
      for (let end = 50_000; end < bytes.length + 50_000; end += 50_000) {
        appendFileSync(at('blob'), bytes.subarray(end - 50_000, end));
        yield Math.min(end, bytes.length);
        await turn();
      }
    }
    await archive.unpackLayer({ blob: at('blob'), growth: growth(), compression: 'gzip', target: at('layer') });
    expect(statSync(at('layer/a')).size).toBe(300_000);
    mkdirSync(at('streamed'));
    const stream = Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]);
    await archive.unpackLayer({ blob: '', stream, compression: 'gzip', target: at('streamed') });
    expect(statSync(at('streamed/a')).size).toBe(300_000);
  });

  it('passes the failure of a download on, and can be cancelled', async () => {
    writeFileSync(at('blob'), tarOf({ name: 'a' }));
    async function* failing(): AsyncGenerator<number> {
      yield 512;
      throw new Error('connection reset');
    }
    const request = { blob: at('blob'), compression: 'none', target: at('layer') } as const;
    await expect(archive.unpackLayer({ ...request, growth: failing() })).rejects.toThrow('connection reset');
    const abort = new AbortController();
    async function* waiting(): AsyncGenerator<number> {
      yield 512;
      abort.abort();
      await new Promise(() => undefined);
    }
    await expect(archive.unpackLayer({ ...request, growth: waiting(), signal: abort.signal })).rejects.toThrow(/abort/);
  });
});

/** One line for each member of a tree: kind, mode, owner, size, time, link, device. */
function listing(root: string): string {
  const format = '%P %y %m %U:%G %T@ %l %n\n';
  const lines = execFileSync('find', [root, '-mindepth', '1', '-printf', format]).toString().split('\n');
  return lines.sort().join('\n');
}
