import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import type { JsonMessage } from '../../../../contracts/docker/common.ts';
import { mediaTypes } from '../../../../contracts/oci/descriptor.ts';
import type { Digest } from '../../../../contracts/oci/digest.ts';
import { parseReference } from '../../../../contracts/oci/reference.ts';
import { openRegistry } from '../../../../guest-agent/registry/index.ts';
import { FakeRegistry, refuse, sha256, tarOf } from '../../../fakes/fake-registry.ts';
import { FakeUploads } from '../../../fakes/fake-uploads.ts';
import { lineOf, openStore, type Store } from './store.ts';

const signal = new AbortController().signal;
const nobody = { force: true, inUse: () => [] };

describe('push', () => {
  let source: FakeRegistry;
  let target: FakeRegistry;
  let uploads: FakeUploads;
  let store: Store;

  beforeEach(async () => {
    source = await FakeRegistry.start();
    target = await FakeRegistry.start();
    uploads = new FakeUploads(target);
    store = await openStore();
  });
  afterEach(async () => {
    await source.stop();
    await target.stop();
    store.close();
  });

  /** Tags an image for the target, pushes it, and returns the lines that Docker's clients would see. */
  const push = async (name: string, repository: string): Promise<string[]> => {
    const reference = parseReference(`${target.host}/${repository}`);
    await store.images.tag(name, reference);
    const messages: JsonMessage[] = [];
    await store.images.push(reference, { progress: message => messages.push(message), signal });
    return messages.filter(message => !message.aux).map(lineOf);
  };

  /** An archive as `docker save` of old wrote it: layers not packed. */
  const archiveOf = async (files: Record<string, string | Buffer>) => {
    const layer = await tarOf(files);
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
    });
    const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: ['loaded:1'], Layers: ['layer.tar'] }]);
    return tarOf({ 'config.json': config, 'layer.tar': layer, 'manifest.json': manifest });
  };
  const load = async (files: Record<string, string | Buffer>) =>
    store.images.load(Readable.from([await archiveOf(files)]), { quiet: true, progress: () => undefined });

  it('brings what was pulled with the digests that it had, and not again', async () => {
    store.archive.recipes = false;
    const pulled = await source.addImage('1', [{ a: 'one' }, { b: 'two' }]);
    await store.pull(`${source.host}/app:1`);
    const lines = await push(`${source.host}/app:1`, 'copy:2');
    const [first, second] = pulled.layers.map(({ diffId }) => diffId.slice(7, 19));
    expect(lines.filter(line => !line.includes('Pushing')).sort()).toEqual(
      [
        `The push refers to repository [${target.host}/copy]`,
        `${second}: Preparing`,
        `${first}: Preparing`,
        `${second}: Pushed`,
        `${first}: Pushed`,
        `2: digest: ${pulled.manifestDigest} size: ${target.manifests.get('2')?.body.length}`,
      ].sort(),
    );
    for (const { digest, packed } of pulled.layers) expect(target.blobs.get(digest)).toEqual(packed);
    expect(target.blobs.has(pulled.id)).toBe(true);
    expect(store.images.get(`${target.host}/copy:2`).repoDigests).toContain(
      `${target.host}/copy@${pulled.manifestDigest}`,
    );
    const again = await push(`${source.host}/app:1`, 'copy:2');
    expect(again).toContain(`${first}: Layer already exists`);
    expect(target.count('PATCH')).toBe(3);
  });

  it('packs what was loaded into the same bytes each time, keeps none of them, and finds them in a registry', async () => {
    const [image] = await load({ a: 'x'.repeat(5000) });
    await push('loaded:1', 'one:1');
    const [layer] = store.images.get('loaded:1').layers;
    expect(layer?.packed?.compression).toBe('gzip');
    expect(layer?.packed?.size).toBeLessThan(1000);
    const digest = store.images.get(`${target.host}/one:1`).repoDigests[0]?.split('@')[1];
    expect(store.blobs()).toEqual([image?.id.slice(7)]);
    expect(await push('loaded:1', 'one:1')).toContain(`${layer?.digest.slice(7, 19)}: Layer already exists`);
    target.blobs.clear();
    await push('loaded:1', 'two:1');
    expect(store.images.get(`${target.host}/two:1`).repoDigests[1]?.split('@')[1]).toBe(digest);
    const saved = store.images.save(['loaded:1']);
    await store.images.remove(image?.id ?? '', nobody).catch(() => undefined);
    const [back] = await store.images.load(saved, { quiet: true, progress: () => undefined });
    expect(back?.id).toBe(image?.id);
  });

  it('makes anew what it does not keep, under the digest of its own packing', async () => {
    const pulled = await source.addImage('1', [{ a: 'one' }]);
    await store.pull(`${source.host}/app:1`);
    await push(`${source.host}/app:1`, 'copy:1');
    const manifest = JSON.parse(target.manifests.get('1')?.body.toString() ?? '{}');
    const sent = target.blobs.get(manifest.layers[0].digest);
    expect(sha256(gunzipSync(sent ?? ''))).toBe(pulled.layers[0]?.diffId);
    target.addBlob(pulled.layers[0]?.packed ?? Buffer.alloc(0));
    await push(`${source.host}/app:1`, 'copy:2');
    expect(sha256(target.manifests.get('2')?.body ?? '')).toBe(pulled.manifestDigest);
  });

  it('has the digest that an archive brought along, from registry to registry', async () => {
    store.archive.recipes = false;
    await source.addImage('1', [{ a: 'one' }, { b: 'two' }]);
    const document = JSON.parse(source.manifests.get('1')?.body.toString() ?? '{}');
    document.mediaType = mediaTypes.ociManifest;
    document.config.mediaType = mediaTypes.ociConfig;
    for (const layer of document.layers) layer.mediaType = mediaTypes.ociLayerGzip;
    document.annotations = { note: 'only this manifest has it' };
    const digest = source.addManifest('oci', document, mediaTypes.ociManifest);
    await store.pull(`${source.host}/app:oci`);
    const archive = Buffer.concat(await store.images.save([`${source.host}/app:oci`]).toArray());
    const elsewhere = await openStore();
    elsewhere.archive.recipes = false;
    try {
      await elsewhere.images.load(Readable.from([archive]), { quiet: true, progress: () => undefined });
      const reference = parseReference(`${target.host}/app:1`);
      await elsewhere.images.tag(`${source.host}/app:oci`, reference);
      await elsewhere.images.push(reference, { progress: () => undefined, signal });
      expect(sha256(target.manifests.get('1')?.body ?? '')).toBe(digest);
    } finally {
      elsewhere.close();
    }
  });

  it('goes on where a connection broke', async () => {
    await load({ a: randomBytes(3_000_000) });
    uploads.breakAfter = 1_000_000;
    const lines = await push('loaded:1', 'app:1');
    expect(lines.some(line => line.endsWith('Retrying in 1 second'))).toBe(true);
    expect(lines.some(line => line.endsWith('Pushed'))).toBe(true);
    const layer = store.images.get('loaded:1').layers[0]?.packed;
    const ranges = target.headers.map(headers => headers['content-range']).filter(Boolean);
    expect(ranges).toEqual([`1000000-${(layer?.size ?? 0) - 1}`]);
    expect(sha256(target.blobs.get(layer?.digest ?? '') ?? '')).toBe(layer?.digest);
  });

  it('sends in pieces what is too long in one', async () => {
    const size = 80 << 20;
    const bytes = Buffer.alloc(size);
    const digest = sha256(bytes) as Digest;
    uploads.longestChunk = 40 << 20;
    const registry = openRegistry({ log: createLog({ level: 'error' }) });
    const repository = registry.repository(parseReference(`${target.host}/big`), {}, 'push');
    const open = (start: number, end: number): Readable => Readable.from([bytes.subarray(start, end)]);
    const upload = repository.upload({ digest, size, open });
    await expect(upload.attempt({ signal, sent: () => undefined })).rejects.toMatchObject({ transient: true });
    await upload.attempt({ signal, sent: () => undefined });
    expect(target.count('PATCH')).toBe(4);
    expect(target.blobs.get(digest)?.length).toBe(size);
    registry.close();
  });

  it('has a layer mounted from another repository of the registry', async () => {
    const pulled = await target.addImage('1', [{ a: 'one' }]);
    await store.pull(`${target.host}/base:1`);
    for (const { digest } of pulled.layers) target.blobs.delete(digest);
    uploads.generous.add('base');
    const lines = await push(`${target.host}/base:1`, 'other:1');
    expect(lines).toContain(`${pulled.layers[0]?.diffId.slice(7, 19)}: Mounted from base`);
    expect(target.count('PATCH')).toBe(0);
  });

  it('sends a layer that a neighbour has, but does not give', async () => {
    const pulled = await target.addImage('1', [{ a: 'one' }]);
    await store.pull(`${target.host}/base:1`);
    for (const { digest } of pulled.layers) target.blobs.delete(digest);
    const serve = target.behaviour;
    target.behaviour = (request, response) => {
      if (!request.url?.includes('mount=')) return serve(request, response);
      refuse(response, 403, 'DENIED', 'not yours');
      return true;
    };
    const lines = await push(`${target.host}/base:1`, 'other:1');
    expect(lines).toContain(`${pulled.layers[0]?.diffId.slice(7, 19)}: Pushed`);
  });

  it.each([
    ['whether it has a layer', 'HEAD', '/blobs/'],
    ['to begin an upload', 'POST', '/uploads/'],
    ['to end it', 'PUT', '/uploads/'],
    ['for the name of an image', 'PUT', '/manifests/'],
  ])('asks again a registry that fell silent when it was asked %s', async (_what, method, path) => {
    await load({ a: randomBytes(100_000) });
    const serve = target.behaviour;
    let silent = 1;
    target.behaviour = (request, response) => {
      if (request.method !== method || !request.url?.includes(path) || silent-- <= 0) return serve(request, response);
      response.writeHead(503).end();
      return true;
    };
    await push('loaded:1', 'app:1');
    expect(target.manifests.has('1')).toBe(true);
  });

  it('sends a layer while it is packed, and says why where that cannot be', async () => {
    await load({ a: randomBytes(6_000_000) });
    let began = 0;
    const serve = target.behaviour;
    target.behaviour = (request, response) => {
      if (request.method === 'PATCH') began += request.headers['content-length'] === undefined ? 1 : 0;
      return serve(request, response);
    };
    await push('loaded:1', 'app:1');
    expect(began).toBe(1);
    target.blobs.clear();
    store.archive.rebuildLayer = () =>
      Readable.from(
        (async function* () {
          yield randomBytes(3_000_000);
          throw new Error('a layer has lost its file');
        })(),
        { objectMode: false },
      );
    await expect(push('loaded:1', 'app:2')).rejects.toThrow(/^a layer has lost its file$/);
    expect(target.manifests.has('2')).toBe(false);
    expect(store.halfMade().spools).toEqual([]);
  });

  it('packs one layer of an image after the other', async () => {
    await source.addImage(
      '1',
      [1, 2, 3].map(layer => ({ [`f${layer}`]: randomBytes(2_500_000) })),
    );
    await store.pull(`${source.host}/app:1`);
    const { archive } = store;
    const rebuild = archive.rebuildLayer.bind(archive);
    let begun = 0;
    let open = 0;
    archive.rebuildLayer = request => {
      begun++;
      expect(++open).toBe(1);
      return rebuild(request).once('end', () => open--);
    };
    await push(`${source.host}/app:1`, 'app:1');
    expect(begun).toBe(3);
  });

  it('does not send a layer that everybody fetches from its author', async () => {
    const pulled = await source.addImage('1', [{ a: 'one' }]);
    const [layer] = pulled.layers;
    const foreign = {
      mediaType: mediaTypes.dockerForeignLayer,
      digest: layer?.digest,
      size: layer?.packed.length,
      urls: [`http://${source.host}/elsewhere`],
    };
    const config = { mediaType: mediaTypes.dockerConfig, digest: pulled.id, size: source.blobs.get(pulled.id)?.length };
    const document = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers: [foreign] };
    source.addManifest('2', document, mediaTypes.dockerManifest);
    await store.pull(`${source.host}/app:2`);
    const lines = await push(`${source.host}/app:2`, 'app:2');
    expect(lines).toContain(`${layer?.diffId.slice(7, 19)}: Skipped foreign layer`);
    expect(target.blobs.has(layer?.digest ?? '')).toBe(false);
  });

  it('can be given up, and tried again', async () => {
    await load({ a: randomBytes(2_000_000) });
    const reference = parseReference(`${target.host}/app:1`);
    await store.images.tag('loaded:1', reference);
    const serve = target.behaviour;
    const controller = new AbortController();
    target.behaviour = (request, response) => {
      if (request.method !== 'PATCH') return serve(request, response);
      request.once('data', () => controller.abort()); // and never an answer
      return true;
    };
    const given = store.images.push(reference, { progress: () => undefined, signal: controller.signal });
    await expect(given).rejects.toThrow('context canceled');
    target.behaviour = serve;
    await store.images.push(reference, { progress: () => undefined, signal });
    expect(target.manifests.has('1')).toBe(true);
    expect(store.halfMade().spools).toEqual([]);
  });

  it("tells a refusal in dockerd's words, and names nothing then", async () => {
    await load({ a: 'one' });
    target.behaviour = (request, response) => {
      if (request.method !== 'POST') return false;
      refuse(response, 403, 'DENIED', 'not you');
      return true;
    };
    await expect(push('loaded:1', 'app:1')).rejects.toThrow(/^denied: not you$/);
    expect(store.images.get('loaded:1').repoDigests).toEqual([]);
    expect(store.halfMade().spools).toEqual([]);
  });
});
