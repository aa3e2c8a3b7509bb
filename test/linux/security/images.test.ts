import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { FakeRegistry } from '../../fakes/fake-registry.ts';
import { engineToAttack, imageArchive, loadHostile, type Member, tar, usable } from './fixture.ts';

const directory = (name: string): Member => ({ name, type: 'directory' });
const link = (name: string, linkname: string): Member => ({ name, type: 'symlink', linkname });

/** Not id(1), which would open the image's passwd itself. */
const whoAmI = ['stat', '-L', '-c', '%u', '/proc/self'];

describe.skipIf(!usable)('a hostile image', { timeout: 60_000 }, () => {
  const host = engineToAttack();
  const { treasure } = host;
  let busybox: Buffer;
  const base = ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp'];

  /** An image with busybox and its shell, without the folders that `members` bring. */
  const load = (name: string, members: Member[], config: Record<string, unknown> = {}): Promise<void> => {
    const brought = new Set(members.map(member => member.name.split('/')[0] ?? ''));
    const folders = base.filter(folder => !brought.has(folder) || members.every(member => member.name !== folder));
    const programs: Member[] = [
      { name: 'bin/busybox', text: busybox },
      ...['sh', 'ls', 'cat', 'id', 'stat', 'echo', 'touch', 'sleep', 'pwd'].map(applet =>
        link(`bin/${applet}`, 'busybox'),
      ),
    ];
    return imageArchive(name, [[...folders.map(directory), ...programs, ...members]], config).then(image =>
      loadHostile(host.engine, image),
    );
  };
  const run = (...args: string[]) => host.engine.tryDocker(['run', '--rm', ...args]);

  beforeAll(async () => {
    busybox = readFileSync('/bin/busybox');
  }, 60_000);

  it('with /etc, /dev or a mount target led out has all of it inside, or does not start', async () => {
    for (const name of ['etc', 'dev', 'tmp']) {
      await load(`led-${name}`, [link(name, treasure.folder)]);
      const { stdout } = await run(`led-${name}`, 'sh', '-c', `cat ${treasure.file}; ls ${treasure.folder}`);
      expect(stdout).not.toContain(treasure.secret);
      treasure.assertUntouched();
    }
    await load('led-target', [link('data', `../../../../../..${treasure.folder}`)], { Volumes: { '/data': {} } });
    const { stdout } = await run(
      '-v',
      'mine:/data/sub',
      '-v',
      'mine:/data',
      'led-target',
      'sh',
      '-c',
      'touch /data/x; ls /data',
    );
    expect(stdout).toBe('sub\nx\n');
    treasure.assertUntouched();
  });

  it('with /proc or /sys led elsewhere does not start', async () => {
    for (const name of ['proc', 'sys']) {
      await load(`led-${name}`, [directory('elsewhere'), link(name, '/elsewhere')]);
      const { code, stderr } = await run(`led-${name}`, 'true');
      expect([code, stderr]).toEqual([125, expect.stringContaining('OCI runtime create failed')]);
    }
    await load('volume-proc', [], { Volumes: { '/proc': {} } });
    const { stdout } = await run(
      'volume-proc',
      'cat',
      '/proc/1/environ',
      '/proc/keys',
      '/proc/sys/kernel/core_pattern',
    );
    expect(stdout).toBe('');
  });

  it('cannot make the engine read accounts from the host, from a device, or make -1 of a user', async () => {
    const secretUser = `${treasure.folder}/file`;
    await load('passwd-link', [link('etc/passwd', secretUser), link('etc/group', '/proc/1/root/etc/group')]);
    expect((await run('-u', 'root', 'passwd-link', ...whoAmI)).stdout).toBe('');
    const zero: Member = { name: 'etc/passwd', type: 'character-device', devmajor: 1, devminor: 5 };
    await load('passwd-device', [zero]);
    expect((await run('-u', '7', 'passwd-device', ...whoAmI)).stdout).toBe('7\n');
    await load('passwd-fifo', [{ name: 'etc/passwd', type: 'fifo' }]);
    expect((await run('-u', '8', 'passwd-fifo', ...whoAmI)).stdout).toBe('8\n');
    for (const id of ['-1', '4294967295', '4294967296', '18446744073709551615']) {
      await load('passwd-minus', [{ name: 'etc/passwd', text: `evil:x:${id}:${id}::/:/bin/sh\n` }]);
      const { code, stdout } = await run('-u', 'evil', 'passwd-minus', ...whoAmI);
      expect([code !== 0, stdout]).toEqual([true, '']);
    }
  });

  it('is not followed out of a working directory or an entry point', async () => {
    for (const WorkingDir of ['/proc/self/fd/7', '/proc/self/fd/9', '/proc/1/root', '/../../..']) {
      await load('lost', [], { WorkingDir });
      const { stdout } = await run('lost', 'sh', '-c', `cat ../../../..${treasure.file}; cat ./${treasure.file}`);
      expect(stdout).toBe('');
    }
    await load('elsewhere', [link('start', '/proc/1/root/bin/sh'), link('more', `/proc/self/root${treasure.file}`)]);
    expect((await run('--entrypoint', '/more', 'elsewhere')).code).not.toBe(0);
  });

  it('with layers that climb, link and lie leaves nothing outside and nothing of the host inside', async () => {
    const out = `../../../../../../../../..${treasure.folder}`;
    const layers: Member[][] = [
      [directory('a'), link('a/out', treasure.folder), link('up', out), link('layers', '/'), { name: 'b', text: 'b' }],
      [
        { name: 'a/out/evil', text: 'evil' },
        { name: 'up/evil', text: 'evil' },
        { name: `/a/./../${'../'.repeat(12)}${treasure.folder}/evil`.slice(1), text: 'evil' },
      ],
      [{ name: 'stolen', type: 'link', linkname: treasure.file }],
      [{ name: 'a/out/.wh.file', text: '' }],
      [{ name: '.wh..', text: '' }],
      [{ name: 'a/out/.wh..wh..opq', text: '' }],
    ];
    for (let count = 1; count <= layers.length; count++) {
      const image = await imageArchive('climber', [layers[0] ?? [], layers[count - 1] ?? []]);
      const { code, stderr } = await host.engine.tryDocker(['load', '-q'], { input: image });
      if (code !== 0) expect(stderr).toMatch(/outside|no such file|invalid|register layer/i);
      treasure.assertUntouched();
    }
  });

  it('archives whose documents name other files, and tars for cp that climb, are refused or stay inside', async () => {
    for (const Config of ['../../../../../../etc/passwd', '/etc/passwd', treasure.file]) {
      const manifest = JSON.stringify([{ Config, RepoTags: ['outside:latest'], Layers: [] }]);
      const members = [{ name: 'manifest.json', text: manifest }, link('etc/passwd', treasure.file)];
      expect((await host.engine.tryDocker(['load'], { input: await tar(members) })).code).toBe(1);
    }
    await host.engine.docker('create', '--name', 'taker', 'busybox', 'sleep', '1000');
    const tars: Member[][] = [
      [{ name: `${'../'.repeat(12)}${treasure.folder}/evil`.replace('//', '/'), text: 'x' }],
      [link('door', treasure.folder), { name: 'door/evil', text: 'x' }],
      [link('door', '/'), { name: `door${treasure.folder}/evil`, text: 'x' }],
      [{ name: 'hard', type: 'link', linkname: treasure.file }],
      [{ name: treasure.file, text: 'x' }],
    ];
    for (const running of [false, true]) {
      if (running) await host.engine.docker('start', 'taker');
      for (const members of tars) {
        await host.engine.tryDocker(['cp', '-', 'taker:/tmp'], { input: await tar(members) });
        treasure.assertUntouched();
      }
    }
    await host.engine.docker('rm', '-f', 'taker');
  });

  it('named by its digest is that one, whatever the registry says', async () => {
    const registry = await FakeRegistry.start();
    try {
      const good = await registry.addImage('good', [{ file: 'good' }]);
      const evil = await registry.addImage('evil', [{ file: 'evil' }]);
      registry.behaviour = (request, response) => {
        if (request.method !== 'HEAD' || !request.url?.includes(good.manifestDigest)) return false;
        const body = registry.manifests.get(evil.manifestDigest)?.body.length ?? 0;
        response.writeHead(200, {
          'Content-Type': 'application/vnd.docker.distribution.manifest.v2+json',
          'Content-Length': body,
          'Docker-Content-Digest': evil.manifestDigest,
        });
        response.end();
        return true;
      };
      const name = `${registry.host}/app@${good.manifestDigest}`;
      await host.engine.docker('pull', '-q', name);
      expect((await host.engine.docker('inspect', '--format', '{{.Id}}', name)).trim()).toBe(good.id);
    } finally {
      await registry.stop();
    }
  });

  it('fills a volume from its own root only', async () => {
    const out = link('data', treasure.folder);
    await load('filler', [out, directory('real'), link('real/in', treasure.file)], { Volumes: { '/data': {} } });
    expect((await run('filler', 'ls', '/data/')).stdout).toBe('');
    expect((await run('-v', 'filled:/real', 'filler', 'sh', '-c', 'cat /real/in; echo x >/real/in')).stdout).toBe('');
    treasure.assertUntouched();
    const mountpoint = (await host.engine.docker('volume', 'inspect', '--format', '{{.Mountpoint}}', 'filled')).trim();
    expect(readdirSync(mountpoint)).toEqual(['in']);
  });
});
