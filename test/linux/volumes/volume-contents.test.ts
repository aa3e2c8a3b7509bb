import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settleReplacement } from '../../../guest-agent/volumes/replace.ts';
import { command, succeed } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { canRun, temporaryFolder } from '../archive/fixture.ts';

/** Everything that a file can be told apart by, apart from when it was read. */
const describeTree = (path: string): Promise<string> =>
  succeed('python3', [
    '-c',
    `
import os, sys, hashlib
links = {}
def tell(path, name):
    s = os.lstat(path)
    what = hashlib.sha256(open(path, 'rb').read()).hexdigest() if (s.st_mode & 0o170000) == 0o100000 else ''
    if os.path.islink(path): what = os.readlink(path)
    xattrs = sorted((x, os.getxattr(path, x, follow_symlinks=False)) for x in os.listxattr(path, follow_symlinks=False))
    first = links.setdefault((s.st_dev, s.st_ino), name)
    print(name.encode('utf8', 'surrogateescape'), oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns, s.st_nlink, first.encode('utf8', 'surrogateescape'),
          s.st_size if not os.path.isdir(path) else '', s.st_blocks * 512 < s.st_size // 2, s.st_rdev, what, xattrs)
def walk(path, name):
    tell(path, name)
    if os.path.isdir(path) and not os.path.islink(path):
        for child in sorted(os.listdir(path)): walk(os.path.join(path, child), name + '/' + child)
walk(sys.argv[1], '.')
`,
    path,
  ]);

const furnish = `
set -e
cd "$0"
mkdir -p deep/er; echo text > deep/er/file; ln deep/er/file second; ln -s /etc/passwd away; mkfifo pipe; mknod null c 1 3
head -c 3000000 /dev/urandom > random; truncate -s 20M sparse; printf x | dd of=sparse bs=1 seek=10000000 conv=notrunc 2>/dev/null
printf x > "$(printf 'no\\377utf8')"; printf x > "$(head -c 120 /dev/zero | tr '\\0' a)"; mkdir "$(head -c 200 /dev/zero | tr '\\0' b)"
touch empty; chown 1000:2000 deep random; chown -h 7:8 away; chmod 4711 random; chmod 1777 deep
python3 -c 'import os; os.setxattr("random", "user.note", bytes(range(256))); os.setxattr("random", "trusted.berth", b"t"); os.setxattr("deep", "user.dir", b"d")
os.setxattr("deep/er/file", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))'
chown 123:456 .; chmod 2751 .
touch -d '1955-11-05 06:15:00.250000001' empty; touch -h -d '1969-12-31 23:59:59.5' pipe
touch -h -d '1999-12-31 23:59:59.123456789' away; touch -d '2001-01-01 00:00:00.000000001' deep/er deep/er/file . ; touch -d '2001-01-01 00:00:00.5' .
`;

describe.skipIf(!canRun)('contents of volumes', () => {
  let engine: NativeEngine;
  const data = (name: string): string => join(engine.root, 'volumes', name, '_data');
  /** Status and body of a call of the engine's own API. */
  async function call(method: string, path: string, ...more: string[]): Promise<{ status: string; body: string }> {
    const words = ['-s', '--unix-socket', engine.socket, '-X', method, '-w', '\n%{http_code}', ...more];
    const said = await succeed('curl', [...words, `http://localhost${path}`]);
    const cut = said.lastIndexOf('\n');
    return { status: said.slice(cut + 1), body: said.slice(0, cut) };
  }
  const exported = (name: string, file: string, query = ''): Promise<unknown> =>
    call('GET', `/volumes/${name}/archive${query}`, '-f', '-o', file);
  const imported = (name: string, file: string, query = ''): ReturnType<typeof call> =>
    call('PUT', `/volumes/${name}/archive${query}`, '-H', 'Content-Type: application/x-tar', '-T', file);

  beforeAll(async () => {
    engine = await startNativeEngine();
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    await engine.docker('volume', 'create', '--label', 'a=b', 'full');
    await succeed('sh', ['-c', furnish, data('full')]);
  });
  afterAll(async () => {
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });

  it('come back byte for byte, also from a compressed tar, and in a clone', { timeout: 60_000 }, async () => {
    const whole = await describeTree(data('full'));
    const tar = join(engine.root, '../full.tar');
    await exported('full', tar);
    expect((await imported('copy', tar)).status).toBe('200');
    expect(await describeTree(data('copy'))).toBe(whole);
    await succeed('gzip', ['-k', tar]);
    expect((await imported('packed', `${tar}.gz`)).status).toBe('200');
    expect(await describeTree(data('packed'))).toBe(whole);
    expect((await call('POST', '/volumes/full/clone?to=twin')).body).toContain('"Labels":{"a":"b"}');
    expect(await describeTree(data('twin'))).toBe(whole);
    await succeed('tar', ['-tf', tar]); // others can read it
  });

  it('come and go by `berth volume`', { timeout: 60_000 }, async () => {
    const whole = await describeTree(data('full'));
    const berth = (...args: string[]): ReturnType<typeof command> =>
      command(join(import.meta.dirname, '../../../bin/berth'), ['volume', '--socket', engine.socket, ...args]);
    for (const ending of ['tar', 'tar.gz', 'tar.zst']) {
      const file = join(engine.root, `../by-command.${ending}`);
      expect(await berth('export', 'full', '-o', file)).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(await berth('import', `from-${ending}`, file)).toMatchObject({ code: 0, stdout: `from-${ending}\n` });
      expect(await describeTree(data(`from-${ending}`))).toBe(whole);
    }
    expect(await berth('clone', 'full', 'by-command')).toMatchObject({ code: 0, stdout: 'by-command\n' });
    expect(await berth('import', 'by-command', join(engine.root, '../by-command.tar'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not empty'),
    });
    expect((await berth('empty', 'by-command')).stderr).toContain('--yes');
    expect(await berth('empty', 'by-command', '--yes')).toMatchObject({ code: 0, stdout: 'by-command\n' });
    const listed = JSON.parse((await berth('ls', '--json')).stdout) as { name: string; sizeBytes: number }[];
    expect(listed.find(({ name }) => name === 'by-command')).toEqual({
      name: 'by-command',
      sizeBytes: expect.any(Number),
      containers: 0,
      labels: { a: 'b' },
    });
    expect((await berth('ls')).stdout).toMatch(/^VOLUME +SIZE +CONTAINERS\n/);
    const lost = join(engine.root, '../lost.tar');
    expect(await berth('export', 'nosuch', '-o', lost)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nosuch'),
    });
    expect([existsSync(lost), existsSync(`${lost}.part`)]).toEqual([false, false]);
    const help = await berth('--help');
    for (const verb of ['ls', 'export', 'import', 'clone', 'empty']) expect(help.stdout).toContain(`  ${verb} `);
  });

  it('are replaced only when that is wanted, and nobody uses them', { timeout: 60_000 }, async () => {
    const tar = join(engine.root, '../small.tar');
    const folder = join(engine.root, '../small');
    mkdirSync(folder);
    writeFileSync(join(folder, 'one'), '1');
    await succeed('tar', ['-C', folder, '-cf', tar, 'one']);
    await engine.docker('volume', 'create', 'target');
    await engine.docker('run', '--rm', '-v', 'target:/t', 'busybox', 'touch', '/t/old');
    expect(await imported('target', tar)).toMatchObject({ status: '409' });
    expect(readdirSync(data('target'))).toEqual(['old']);
    const broken = join(engine.root, '../broken.tar');
    await succeed('sh', ['-c', `head -c 700 ${tar} > ${broken}`]);
    expect((await imported('target', broken, '?replace=1')).status).not.toBe('200');
    expect((await imported('nosuch', broken)).status).not.toBe('200');
    expect(existsSync(data('nosuch'))).toBe(false);
    expect(readdirSync(data('target'))).toEqual(['old']);
    await engine.docker('run', '-d', '--name', 'user', '-v', 'target:/t', 'busybox', 'sleep', '1000');
    const refused = await imported('target', tar, '?replace=1');
    expect(refused.body).toMatch(/volume target is in use by running containers - \[\w{64}\]/);
    expect((await call('POST', '/volumes/target/empty')).status).toBe('409');
    await engine.docker('rm', '-f', 'user');
    expect((await imported('target', tar, '?replace=1')).status).toBe('200');
    expect(readFileSync(join(data('target'), 'one'), 'utf8')).toBe('1');
    expect(readdirSync(data('target'))).toEqual(['one']);
    expect((await call('POST', '/volumes/target/empty')).status).toBe('204');
    expect(readdirSync(data('target'))).toEqual([]);
    expect(readdirSync(join(data('target'), '..')).sort()).toEqual(['_data', 'volume.json']);
    expect((await call('GET', '/volumes/nosuch/archive')).body).toContain('get nosuch: no such volume');
    expect((await call('POST', '/volumes/target/clone?to=target')).status).toBe('409');
  });

  it('do not get at what is beside them by links in the archive', { timeout: 60_000 }, async () => {
    const tar = join(engine.root, '../links.tar');
    const make = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], 'w') as tar:
    for name, target in [('up', '..'), ('top', '/'), ('far', '/_data'), ('more', 'up/..')]:
        link = tarfile.TarInfo(name); link.type = tarfile.SYMTYPE; link.linkname = target; tar.addfile(link)
        file = tarfile.TarInfo(name + '/' + ('volume.json' if name != 'far' else 'x')); file.size = 4; tar.addfile(file, io.BytesIO(b'evil'))
`;
    await succeed('python3', ['-c', make, tar]);
    await engine.docker('volume', 'create', 'victim');
    const record = join(data('victim'), '../volume.json');
    const before = readFileSync(record, 'utf8');
    await imported('victim', tar);
    expect(readFileSync(record, 'utf8')).toBe(before);
    expect(readdirSync(join(data('victim'), '..')).sort()).toEqual(['_data', 'volume.json']);
  });

  it('are of one moment when those who write are frozen', { timeout: 60_000 }, async () => {
    const script = 'i=0; while :; do i=$((i+1)); echo $i >> /t/a; echo $i >> /t/z; done';
    await engine.docker('run', '-d', '--name', 'writer', '-v', 'moving:/t', 'busybox', 'sh', '-c', script);
    await eventually('it writes', () => expect(existsSync(join(data('moving'), 'z'))).toBe(true));
    await succeed('sh', ['-c', `head -c 30000000 /dev/zero > ${data('moving')}/middle`]);
    const tar = join(engine.root, '../moving.tar');
    await exported('moving', tar, '?pause=1');
    await eventually('it goes on', async () =>
      expect(await engine.docker('inspect', '--format', '{{.State.Status}}', 'writer')).toBe('running\n'),
    );
    const texts = await Promise.all(['a', 'z'].map(name => succeed('tar', ['-xOf', tar, `./${name}`])));
    const [a = 0, z = 0] = texts.map(text => text.split('\n').length);
    expect(Math.abs(a - z)).toBeLessThanOrEqual(1);
    await engine.docker('rm', '-f', 'writer');
  });

  it('come and go in a volume that is a file system of its own', { timeout: 60_000 }, async () => {
    await engine.docker('volume', 'create', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs', 'memory');
    await engine.docker(
      'run',
      '-d',
      '--name',
      'rests',
      '-v',
      'memory:/m',
      'busybox',
      'sh',
      '-c',
      'echo 1 > /m/f; sleep 999',
    );
    const tar = join(engine.root, '../memory.tar');
    await eventually('the file is there', () => engine.docker('exec', 'rests', 'cat', '/m/f'));
    await exported('memory', tar);
    expect(await succeed('tar', ['-xOf', tar, './f'])).toBe('1\n');
    expect((await call('POST', '/volumes/memory/clone?to=kept')).status).toBe('201');
    expect(readdirSync(data('kept'))).toEqual(['f']);
    await engine.docker('rm', '-f', 'rests');
  });
});

describe.skipIf(!canRun)('a replacement that was interrupted', () => {
  const states: Record<string, { before: string[]; after: string[] }> = {
    'while it was made': { before: ['_replacing/new'], after: ['old'] },
    'when it was whole': { before: ['_replacement/new'], after: ['new'] },
    'while the old ones moved out': { before: ['_replacement/new', '_replaced/gone'], after: ['new'] },
    'while the new ones moved in': {
      before: ['_copied/new', '_replaced/gone', '_data/moved'],
      after: ['moved', 'new'],
    },
    'before the old ones were gone': { before: ['_replaced/gone'], after: ['old'] },
  };
  for (const [when, { before, after }] of Object.entries(states)) {
    it(when, () => {
      using folder = temporaryFolder();
      const movedIn = before.some(path => path.startsWith('_copied'));
      for (const path of [...(movedIn ? [] : ['_data/old']), ...before]) {
        mkdirSync(join(folder.path, path, '..'), { recursive: true });
        writeFileSync(join(folder.path, path), '');
      }
      settleReplacement(folder.path);
      expect(readdirSync(join(folder.path, '_data')).sort()).toEqual(after);
      expect(readdirSync(folder.path)).toEqual(['_data']);
    });
  }
});
