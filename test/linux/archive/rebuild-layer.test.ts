import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { UnpackedLayer } from '../../../guest-agent/archive/index.ts';
import { RecipeWriter } from '../../../guest-agent/archive/recipe.ts';
import { canRun, layerWorkshop, type MemberFields, tarOf } from './fixture.ts';

describe.skipIf(!canRun)('rebuildLayer', () => {
  const { archive, at } = layerWorkshop();

  const unpack = (bytes: Buffer): Promise<UnpackedLayer> => {
    writeFileSync(at('blob'), gzipSync(bytes, { level: 1 }));
    return archive.unpackLayer({ blob: at('blob'), compression: 'gzip', target: at('layer'), recipe: at('recipe') });
  };
  const rebuilt = async ({ diffId, rebuiltBytes: bytes = 0 }: UnpackedLayer): Promise<Buffer> =>
    Buffer.concat(
      await archive.rebuildLayer({ directory: at('layer'), recipe: at('recipe'), diffId, bytes }).toArray(),
    );

  it.each(['pax', 'gnu', 'oldgnu', 'ustar', 'v7'])('gives back what tar(1) made, byte by byte: %s', async format => {
    const source = at('source');
    execFileSync('sh', [
      '-ec',
      `mkdir -p ${source}/d/e ${source}/usr/lib; cd ${source}; echo hello > d/f; ln d/f d/hard; ln -s usr/lib lib
       for n in $(seq 200); do head -c $((n * 37)) /dev/urandom > d/e/$n; done; head -c 3000000 /dev/urandom > long
       truncate -s 9M hole; echo middle | dd of=hole bs=1 seek=5000000 conv=notrunc 2>/dev/null; echo end >> hole; : > empty`,
    ]);
    const sparse = ['ustar', 'v7'].includes(format) ? [] : ['-S'];
    const bytes = execFileSync('tar', ['-C', source, `--format=${format}`, ...sparse, '-b', '40', '-c', '.'], {
      maxBuffer: 1 << 26,
    });
    const layer = await unpack(bytes);
    expect(layer.rebuiltBytes).toBe(bytes.length);
    expect((await rebuilt(layer)).equals(bytes)).toBe(true);
    expect(statSync(at('recipe')).size).toBeLessThan(20_000);
  });

  it('keeps in the recipe what is in no file: whiteouts, the root, what stands after the end', async () => {
    const through: MemberFields[] = [
      { name: './', type: 'directory' },
      { name: 'usr/lib/', type: 'directory' },
      { name: 'lib', type: 'symlink', linkName: 'usr/lib' },
      { name: 'lib/through-a-link', contents: 'x'.repeat(700) },
      { name: '/absolute/../turning', contents: 'y' },
      { name: '.wh.gone', contents: 'a whiteout with contents' },
      { name: '.wh..wh.aufs', contents: 'z'.repeat(2_000_000) },
    ];
    const bytes = Buffer.concat([tarOf(...through), randomBytes(3000)]);
    const layer = await unpack(bytes);
    expect((await rebuilt(layer)).equals(bytes)).toBe(true);
  });

  it('has no recipe for an archive whose later members take the place of earlier ones', async () => {
    const twice = tarOf({ name: 'a', contents: 'one' }, { name: 'a', contents: 'two' });
    expect((await unpack(twice)).rebuiltBytes).toBeUndefined();
  });

  it('gives no more than the archive had, however the recipe is damaged', async () => {
    const layer = await unpack(tarOf({ name: 'a', contents: 'one' }));
    rmSync(at('recipe'));
    const recipe = new RecipeWriter(at('recipe'));
    recipe.contents({ path: 'a', offset: 0, length: 2 ** 45 });
    recipe.finish();
    await expect(rebuilt(layer)).rejects.toThrow(/^the files of a layer have changed: .* got more than 2048 bytes$/);
  });

  it('says so when the files are no longer those that were unpacked', async () => {
    const bytes = tarOf({ name: 'a', contents: 'one' }, { name: 'b', contents: 'two' });
    const layer = await unpack(bytes);
    writeFileSync(at('layer/a'), 'eno');
    await expect(rebuilt(layer)).rejects.toThrow(
      `the files of a layer have changed: expected sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    );
    rmSync(at('layer/a'));
    await expect(rebuilt(layer)).rejects.toThrow('a layer has lost its file a');
    appendFileSync(at('recipe'), 'xx');
    writeFileSync(at('layer/a'), 'one');
    await expect(rebuilt(layer)).rejects.toThrow('the record of a layer is cut off');
  });
});
