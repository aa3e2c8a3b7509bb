import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonMessage } from '../../../../contracts/docker/common.ts';
import { type Digest, hexOf } from '../../../../contracts/oci/digest.ts';
import { parseReference } from '../../../../contracts/oci/reference.ts';
import type { ContainerUse } from '../../../../guest-agent/images/index.ts';
import { sha256, tarOf } from '../../../fakes/fake-registry.ts';
import { openStore, type Store } from './store.ts';

const config = (diffIds: string[], more: object = {}): string =>
  JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-02T03:04:05Z',
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [
      { created: '2026-01-02T03:04:05Z', created_by: 'ADD x', comment: 'first' },
      { created: '2026-01-02T03:04:06Z', created_by: 'CMD sh', empty_layer: true },
    ],
    ...more,
  });

/** A docker-archive as `docker save` wrote it before 25. */
async function dockerArchive(tags: string[] | null, layer: Buffer, more: object = {}): Promise<Buffer> {
  const text = config([sha256(layer)], more);
  const manifest = [{ Config: 'c.json', RepoTags: tags, Layers: ['l/layer.tar'] }];
  return tarOf({ 'l/layer.tar': layer, 'c.json': text, 'manifest.json': JSON.stringify(manifest) });
}

describe('images', () => {
  let store: Store;
  let layer: Buffer;
  const nobody = (): ContainerUse[] => [];
  const user = (running: boolean) => (): ContainerUse[] => [{ id: 'c'.repeat(64), running }];

  async function load(bytes: Buffer, pieces = 7): Promise<string[]> {
    const messages: JsonMessage[] = [];
    const size = Math.ceil(bytes.length / pieces);
    const chunks = Array.from({ length: pieces }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
    const source = Readable.from(chunks.filter(chunk => chunk.length > 0));
    await store.images.load(source, { quiet: false, progress: message => messages.push(message) });
    return messages.flatMap(({ stream }) => stream ?? []);
  }
  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'no error',
      error => error.message,
    );

  beforeEach(async () => {
    store = await openStore();
    layer = await tarOf({ hello: 'world' });
  });
  afterEach(() => store.close());

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['plain', bytes => bytes],
    ['gzip', gzipSync],
    ['zstd', bytes => zstdCompressSync(bytes)],
  ])('loads a docker-archive, %s', async (_, pack) => {
    expect(await load(pack(await dockerArchive(['app:1', 'x/y'], layer)))).toEqual([
      'Loaded image: app:1\n',
      'Loaded image: x/y:latest\n',
    ]);
    expect(store.images.get('app:1')).toMatchObject({
      size: layer.length,
      references: [{ tag: '1' }, { path: 'x/y' }],
    });
  });

  it('loads an image without a name, and renames what had its name', async () => {
    const id = sha256(config([sha256(layer)]));
    expect(await load(await dockerArchive(null, layer))).toEqual([`Loaded image ID: ${id}\n`]);
    await load(await dockerArchive(['app'], layer));
    expect(await load(await dockerArchive(['app'], layer, { author: 'x' }))).toEqual([
      `The image app:latest already exists, renaming the old one with ID ${id} to empty string\n`,
      'Loaded image: app:latest\n',
    ]);
  });

  it('saves what it can load again, with the same digests', async () => {
    await load(await dockerArchive(['app:1'], layer));
    const saved = Buffer.concat(await store.images.save(['app:1']).toArray());
    const other = await openStore();
    try {
      const loaded = await other.images.load(Readable.from([saved]), { quiet: true, progress: () => undefined });
      expect(loaded.map(({ id }) => id)).toEqual([store.images.get('app:1').id]);
      expect(other.blobs()).toEqual(store.blobs());
      const again = Buffer.concat(await other.images.save(['app:1']).toArray());
      expect(again.equals(saved)).toBe(true);
    } finally {
      other.close();
    }
    expect(() => store.images.save(['nope'])).toThrow('No such image: nope');
    expect(() => store.images.save(['app:2'])).toThrow('reference does not exist');
    await store.images.tag('app:1', parseReference('app:2'));
    const both = Buffer.concat(await store.images.save(['app']).toArray());
    await store.images.remove(store.images.get('app:1').id, { force: true, inUse: nobody });
    expect(await load(both)).toEqual(['Loaded image: app:1\n', 'Loaded image: app:2\n']);
  });

  it('refuses what is no image archive, and keeps nothing of it', async () => {
    const archive = await dockerArchive(['app'], layer);
    expect(await failure(load(Buffer.alloc(2048, 'x')))).toBe('archive/tar: invalid tar header');
    expect(await failure(load(archive.subarray(0, 700), 1))).toBe('unexpected EOF');
    expect(await failure(load(gzipSync(archive).subarray(0, 100), 1))).toBe('unexpected EOF');
    expect(await failure(load(Buffer.alloc(0)))).toBe('unexpected EOF');
    expect(await failure(load(await tarOf({ x: 'y' })))).toBe('open manifest.json: no such file or directory');
    const lost = JSON.stringify([{ Config: '../../etc/passwd', Layers: [] }]);
    expect(await failure(load(await tarOf({ 'manifest.json': lost })))).toBe(
      'open etc/passwd: no such file or directory',
    );
    expect(await failure(load(await tarOf({ 'manifest.json': '{}' })))).toBe('invalid manifest.json');
    const text = config([sha256('another')]);
    const wrong = JSON.stringify([{ Config: 'c', RepoTags: ['app'], Layers: ['l'] }]);
    expect(await failure(load(await tarOf({ l: layer, c: text, 'manifest.json': wrong })))).toBe(
      `failed to register layer: wrong diff id calculated on extraction "${sha256(layer)}", expected "${sha256('another')}"`,
    );
    const late = await tarOf({ big: randomBytes(2_000_000), c: text, 'manifest.json': 'not a document' });
    expect(await failure(load(late))).toContain('invalid manifest.json');
    await store.images.sweep();
    expect({ ...store.halfMade(), blobs: store.blobs() }).toEqual({ drafts: [], images: 0, spools: [], blobs: [] });
  });

  it('finds by name, id and prefix', async () => {
    await load(await dockerArchive(['app:1'], layer));
    const { id } = store.images.get('app:1');
    for (const name of [
      id,
      hexOf(id),
      hexOf(id).slice(0, 12),
      `sha256:${hexOf(id).slice(0, 5)}`,
      'docker.io/library/app:1',
    ]) {
      expect(store.images.find(name)?.id, name).toBe(id);
    }
    expect(() => store.images.get('app')).toThrow('No such image: app:latest');
    expect(() => store.images.get(`sha256:${'0'.repeat(64)}`)).toThrow(`No such image: sha256:${'0'.repeat(64)}`);
    expect(() => store.images.get('UPPER')).toThrow('must be lowercase');
  });

  it('tags, untags, and deletes with the last name', async () => {
    await load(await dockerArchive(['app:1'], layer));
    const { id, chainIds } = store.images.get('app:1');
    await store.images.tag('app:1', parseReference('other/app'));
    expect(await store.images.remove('app:1', { force: false, inUse: user(true) })).toEqual([{ Untagged: 'app:1' }]);
    expect(await store.images.remove('other/app', { force: false, inUse: nobody })).toEqual([
      { Untagged: 'other/app:latest' },
      { Deleted: id },
      { Deleted: chainIds[0] },
    ]);
    expect(store.blobs()).toEqual([]);
    expect(store.snapshots.layers()).toEqual([]);
  });

  it("refuses to remove in dockerd's words", async () => {
    await load(await dockerArchive(['app:1'], layer));
    const { id } = store.images.get('app:1');
    const short = hexOf(id).slice(0, 12);
    const remove = (name: string, force: boolean, inUse: () => ContainerUse[]) =>
      failure(store.images.remove(name, { force, inUse }));
    expect(await remove('app:1', false, user(false))).toBe(
      `conflict: unable to remove repository reference "app:1" (must force) - container cccccccccccc is using its referenced image ${short}`,
    );
    expect(await remove('app:1', true, user(true))).toBe(
      `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container cccccccccccc`,
    );
    expect(await remove(id, false, user(false))).toBe(
      `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container cccccccccccc`,
    );
    await store.images.tag('app:1', parseReference('app:2'));
    expect(await remove(id, false, nobody)).toBe(
      `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    );
    expect(await remove('nope', false, nobody)).toBe('No such image: nope:latest');
    const [chainId] = store.images.get(id).chainIds;
    if (chainId) store.snapshots.used.add(chainId);
    expect(await store.images.remove(short, { force: true, inUse: user(false) })).toEqual([
      { Untagged: 'app:1' },
      { Untagged: 'app:2' },
      { Deleted: id },
    ]);
    expect(store.snapshots.layers()).toHaveLength(1);
  });

  it('lists by filter, and prunes what has no name', async () => {
    const labels = { config: { Labels: { team: 'a' } } };
    await load(await dockerArchive(['app:1', 'x/app:2'], layer, labels));
    await load(await dockerArchive(null, layer, { created: '2025-01-01T00:00:00Z' }));
    const named = (filters: Record<string, string[]>): number => store.images.list(filters).length;
    expect(named({})).toBe(2);
    expect(named({ dangling: ['true'] })).toBe(1);
    expect(named({ dangling: ['false'] })).toBe(1);
    expect(named({ label: ['team=a'] })).toBe(1);
    expect(named({ label: ['team=b'] })).toBe(0);
    expect(named({ before: ['app:1'] })).toBe(1);
    expect(named({ until: ['2025-06-01T00:00:00Z'] })).toBe(1);
    expect(store.images.list({ reference: ['x/*'] })[0]?.references).toEqual([parseReference('x/app:2')]);
    expect(named({ reference: ['app'] })).toBe(1);
    expect(named({ reference: ['a??:[0-9]'] })).toBe(1);
    expect(() => named({ color: ['red'] })).toThrow("invalid filter 'color'");
    const { deleted } = await store.images.prune({}, nobody);
    expect(deleted).toHaveLength(1);
    expect((await store.images.prune({ dangling: ['false'] }, user(false))).deleted).toEqual([]);
    const all = await store.images.prune({ dangling: ['false'] }, nobody);
    expect(all.deleted.filter(item => 'Untagged' in item)).toHaveLength(2);
    expect(all.spaceReclaimed).toBeGreaterThan(0);
    expect(store.blobs()).toEqual([]);
  });

  it('tells the history', async () => {
    await load(await dockerArchive(['app:1'], layer));
    expect(store.images.history('app:1')).toEqual([
      {
        Id: store.images.get('app:1').id,
        Created: 1767323046,
        CreatedBy: 'CMD sh',
        Tags: ['app:1'],
        Size: 0,
        Comment: '',
      },
      { Id: '<missing>', Created: 1767323045, CreatedBy: 'ADD x', Tags: null, Size: layer.length, Comment: 'first' },
    ]);
  });

  it('is the same after a restart', async () => {
    await load(await dockerArchive(['app:1'], layer));
    const reopened = await store.reopen();
    expect(reopened.list()).toEqual(store.images.list());
    expect(reopened.get('app:1').topChainId).toBe(sha256(layer) as Digest);
  });
});
