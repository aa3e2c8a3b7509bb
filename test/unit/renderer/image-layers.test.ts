import { gzipSync } from 'node:zlib';
import tarStream from 'tar-stream';
import { expect, test } from 'vitest';
import { ImageReader } from '../../../renderer/model/index.ts';

async function tarOf(files: Record<string, string | Buffer | null>): Promise<Buffer> {
  const pack = tarStream.pack();
  for (const [name, content] of Object.entries(files))
    if (content === null) pack.entry({ name, type: 'directory' });
    else pack.entry({ name }, content as string);
  pack.finalize();
  const parts: Buffer[] = [];
  for await (const part of pack) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

test('what each layer adds, changes and removes is told, packed or not, and what is wasted', async () => {
  const lower = await tarOf({
    'etc/': null,
    'etc/motd': 'hello',
    'etc/old': 'x'.repeat(100),
    'var/a': 'aa',
    'var/b': 'b',
  });
  const upper = await tarOf({
    'etc/': null,
    'etc/motd': 'changed',
    'etc/.wh.old': '',
    'var/.wh..wh..opq': '',
    'new': 'n',
  });
  const image = await tarOf({
    'blobs/sha256/aa': gzipSync(lower),
    'blobs/sha256/bb': upper,
    'blobs/sha256/cc': JSON.stringify({
      history: [{ created_by: 'ADD' }, { created_by: 'ENV', empty_layer: true }, { created_by: 'RUN' }],
    }),
    'manifest.json': JSON.stringify([{ Config: 'blobs/sha256/cc', Layers: ['blobs/sha256/aa', 'blobs/sha256/bb'] }]),
  });
  const reader = new ImageReader();
  for (let at = 0; at < image.length; at += 700) reader.push(image.subarray(at, at + 700));
  const { layers, wasted } = await reader.finish();
  const told = layers.map(({ files }) => files.map(({ path, change, size }) => `${change} ${path} ${size}`));
  expect(told).toEqual([
    ['added etc 0', 'added etc/motd 5', 'added etc/old 100', 'added var/a 2', 'added var/b 1'],
    ['changed etc/motd 7', 'deleted etc/old 0', 'added new 1'],
  ]);
  expect(layers.map(({ command }) => command)).toEqual(['ADD', 'RUN']);
  expect([layers.map(({ size }) => size), wasted]).toEqual([[108, 8], 5 + 100 + 3]);
  await expect(new ImageReader().finish()).rejects.toThrow('the tar has no manifest.json');
});
