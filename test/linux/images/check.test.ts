import { readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';
import { imageArchive } from '../security/fixture.ts';

const canRun = process.platform === 'linux' && process.getuid?.() === 0;
if (!canRun) console.warn('skipped: needs Linux and root');
const berth = join(dirname(dirname(dirname(import.meta.dirname))), 'bin/berth');

describe.skipIf(!canRun)('berth engine check', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  let layers = '';
  let blobs = '';
  const check = () => command(berth, ['engine', 'check', '--root', engine.root]);
  /** Does something to the store while no engine runs, checks twice, and returns what the first check said. */
  const after = async (damage: () => void): Promise<string> => {
    await engine.end();
    damage();
    const first = await check();
    const second = await check();
    expect([first.code, second.code, second.stdout]).toEqual([1, 0, expect.stringContaining('all is well\n')]);
    await engine.restart();
    return first.stdout;
  };
  const runs = () => engine.docker('run', '--rm', '--network', 'none', 'busybox', 'echo', 'fine');

  beforeAll(async () => {
    engine = await startNativeEngine();
    layers = join(engine.root, 'snapshots/layers');
    blobs = join(engine.root, 'content/blobs/sha256');
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  });
  afterAll(() => engine?.stop());

  it('finds nothing where nothing is wrong, and lets a running engine alone', async () => {
    expect((await check()).stderr).toContain('another engine runs on');
    await engine.end();
    expect(await check()).toMatchObject({ code: 0, stdout: '1 images: all is well\n' });
    await engine.restart();
  });

  it('forgets an image whose files are others, so that it can be had anew, also below its containers', async () => {
    await engine.docker('create', '--name', 'stands', '--network', 'none', 'busybox', 'echo', 'still');
    const damage: ((layer: string) => void)[] = [
      layer => rmSync(join(layer, 'diff/bin/busybox')),
      layer => writeFileSync(join(layer, 'diff/etc/group'), 'toor:x:0:\nuser:x:1000:\nextra:x:2000:user\n'),
      layer => rmSync(layer, { recursive: true }),
      layer => writeFileSync(join(layer, 'layer.json'), '{"version":1,'),
    ];
    for (const spoil of damage) {
      const [layer = ''] = readdirSync(layers);
      expect(await after(() => spoil(join(layers, layer)))).toContain(
        'busybox:latest: layer 1 is gone or damaged; forgotten, pull it again\n',
      );
      await engine.docker('load', '-q', '-i', await busyboxArchive());
      expect(await runs()).toBe('fine\n');
      expect(await engine.docker('start', '-a', 'stands')).toBe('still\n');
    }
    await engine.docker('rm', 'stands');
  });

  it('unpacks a layer again whose blob is kept, and tells what the loss of that costs', async () => {
    const twice = { name: 'f', text: 'one' };
    const archive = join(engine.root, 'twice.tar');
    writeFileSync(archive, await imageArchive('twice:latest', [[twice, { ...twice, text: 'two' }]]));
    await engine.docker('load', '-q', '-i', archive);
    const diffId = await engine.docker('image', 'inspect', '-f', '{{index .RootFS.Layers 0}}', 'twice');
    const hex = diffId.trim().slice('sha256:'.length);
    expect(await after(() => rmSync(join(layers, hex, 'diff/f')))).toContain(
      'twice:latest: layer 1 was missing or damaged; unpacked again\n',
    );
    await engine.end();
    writeFileSync(join(blobs, hex), 'x', { flag: 'a' });
    const { code, stdout } = await check();
    expect([code, stdout]).toEqual([1, expect.stringContaining('twice:latest: 1 packed layers are gone: it runs')]);
    expect(stdout).toContain(`sha256:${hex}: the bytes were others than its name says; removed\n`);
    await engine.restart();
    await engine.docker('load', '-q', '-i', archive);
    await engine.end();
    expect((await check()).code).toBe(0);
    await engine.restart();
    await engine.docker('rmi', 'twice');
  });

  it('forgets an image whose configuration is gone', async () => {
    const [config = ''] = readdirSync(blobs);
    expect(await after(() => renameSync(join(blobs, config), join(blobs, 'stray')))).toContain(
      'busybox:latest: its configuration is gone; forgotten, pull it again\n',
    );
    expect(await engine.docker('images', '-q')).toBe('');
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    expect(await runs()).toBe('fine\n');
  });

  it('tells that the list of images was lost', async () => {
    const list = join(engine.root, 'images/references.json');
    expect(await after(() => truncateSync(list, 50))).toContain('the list of images could not be read, and is now /');
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    expect(await runs()).toBe('fine\n');
  });
});
