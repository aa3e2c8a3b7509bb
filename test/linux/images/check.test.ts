import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';

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

  const largest = (): string =>
    execFileSync('sh', ['-c', `ls -S ${blobs} | head -1`])
      .toString()
      .trim();

  it('finds nothing where nothing is wrong, and lets a running engine alone', async () => {
    expect((await check()).stderr).toContain('another engine runs on');
    await engine.end();
    expect(await check()).toMatchObject({ code: 0, stdout: '1 images: all is well\n' });
    await engine.restart();
  });

  it('unpacks a layer again of which files are missing, or all of it', async () => {
    const [layer = ''] = readdirSync(layers);
    const said = await after(() => rmSync(join(layers, layer, 'diff/bin/busybox')));
    expect(said).toContain('busybox:latest: layer 1 was missing or damaged; unpacked again\n');
    expect(await runs()).toBe('fine\n');
    await after(() => rmSync(join(layers, layer), { recursive: true }));
    expect(await runs()).toBe('fine\n');
    await after(() => writeFileSync(join(layers, layer, 'layer.json'), '{"version":1,'));
    expect(await runs()).toBe('fine\n');
  });

  it('removes bytes that are not what their name says, and tells what that costs', async () => {
    const blob = largest();
    await engine.end();
    writeFileSync(join(blobs, blob), 'x', { flag: 'a' });
    const { code, stdout } = await check();
    expect([code, stdout]).toEqual([1, expect.stringContaining('1 packed layers are gone: it runs')]);
    expect(stdout).toContain(`sha256:${blob}: the bytes were others than its name says; removed\n`);
    await engine.restart();
    expect(await runs()).toBe('fine\n');
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    await engine.end();
    expect((await check()).code).toBe(0);
    await engine.restart();
  });

  it('forgets an image that cannot be made whole, so that it can be had anew', async () => {
    const config = readdirSync(blobs).find(name => name !== largest()) ?? '';
    expect(await after(() => renameSync(join(blobs, config), join(blobs, 'stray')))).toContain(
      'busybox:latest: its configuration is gone; forgotten, pull it again\n',
    );
    expect(await engine.docker('images', '-q')).toBe('');
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    expect(await runs()).toBe('fine\n');
  });
});
