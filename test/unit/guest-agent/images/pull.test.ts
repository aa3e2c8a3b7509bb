import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonMessage } from '../../../../contracts/docker/common.ts';
import { mediaTypes } from '../../../../contracts/oci/descriptor.ts';
import { parseReference } from '../../../../contracts/oci/reference.ts';
import { parsePlatform } from '../../../../guest-agent/images/index.ts';
import { FakeRegistry, refuse } from '../../../fakes/fake-registry.ts';
import { eventually } from '../../../support/eventually.ts';
import { lineOf, openStore, type Store } from './store.ts';

const own = { os: 'linux', architecture: 'amd64' };
const noise = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919 + (at >> 3)) % 251));

describe('pull', () => {
  let registry: FakeRegistry;
  let store: Store;
  const app = (tag = 'latest'): string => `${registry.host}/app:${tag}`;
  const short = (digest: string): string => digest.slice(7, 19);
  const failure = (name: string): Promise<string> =>
    store.pull(name).then(
      () => 'no error',
      error => error.message,
    );

  beforeEach(async () => {
    registry = await FakeRegistry.start();
    store = await openStore();
  });
  afterEach(async () => {
    store.close();
    await registry.stop();
  });

  it("brings an image, says so in Docker's words, and brings nothing twice", async () => {
    const pushed = await registry.addImage('latest', [{ a: 'one' }, { b: 'two' }]);
    const first = await store.pull(app());
    const [one = '', two = ''] = pushed.layers.map(layer => short(layer.digest));
    expect(first.lines[0]).toBe('latest: Pulling from app');
    for (const id of [one, two]) {
      const actions = first.lines.filter(line => line.startsWith(id)).map(line => line.slice(14));
      // How often it tells of mere progress depends on the clock.
      expect(actions.filter((action, position) => action !== actions[position - 1])).toEqual([
        'Pulling fs layer',
        'Downloading',
        'Verifying Checksum',
        'Download complete',
        'Extracting',
        'Pull complete',
      ]);
    }
    const complete = first.lines.filter(line => line.endsWith('Pull complete'));
    expect(complete).toEqual([`${one}: Pull complete`, `${two}: Pull complete`]);
    expect(first.lines.slice(-2)).toEqual([
      `Digest: ${pushed.manifestDigest}`,
      `Status: Downloaded newer image for ${app()}`,
    ]);
    expect(first.image).toMatchObject({
      id: pushed.id,
      repoDigests: [`${registry.host}/app@${pushed.manifestDigest}`],
    });

    registry.requests.length = 0;
    const second = await store.pull(app());
    expect(second.lines).toEqual([
      'latest: Pulling from app',
      `Digest: ${pushed.manifestDigest}`,
      `Status: Image is up to date for ${app()}`,
    ]);
    expect(registry.count('GET /v2/app')).toBe(0);
  });

  it('brings all tags of a repository where none is said, and sums up', async () => {
    await registry.addImage('1', [{ a: 'one' }]);
    await registry.addImage('2', [{ b: 'two' }]);
    registry.behaviour = ({ url }, response) => {
      if (url?.startsWith('/v2/app/tags/list') !== true) return false;
      response.end(JSON.stringify({ name: 'app', tags: ['2', '1'] }));
      return true;
    };
    const lines: string[] = [];
    const signal = new AbortController().signal;
    const progress = (message: JsonMessage): number => lines.push(lineOf(message));
    const repository = parseReference(`${registry.host}/app`);
    const images = await store.images.pullAll(repository, { progress, signal });
    expect(images.map(({ references }) => references.map(({ tag }) => tag))).toEqual([['2'], ['1']]);
    expect(lines.filter(line => line.includes('Pulling from'))).toEqual(['2: Pulling from app', '1: Pulling from app']);
    expect(lines.filter(line => line.startsWith('Status'))).toEqual([
      `Status: Downloaded newer image for ${registry.host}/app`,
    ]);
    lines.length = 0;
    await store.images.pullAll(repository, { progress, signal });
    expect(lines.at(-1)).toBe(`Status: Image is up to date for ${registry.host}/app`);
  });

  it('takes a layer that is there from another image', async () => {
    await registry.addImage('base', [{ a: 'one' }]);
    const pushed = await registry.addImage('more', [{ a: 'one' }, { b: 'two' }]);
    await store.pull(app('base'));
    const { lines } = await store.pull(app('more'));
    expect(lines).toContain(`${short(pushed.layers[0]?.digest ?? '')}: Already exists`);
    expect(store.images.list()).toHaveLength(2);
  });

  it('chooses by platform', async () => {
    const amd = await registry.addImage('amd', [{ a: 'amd' }]);
    const arm = await registry.addImage('arm', [{ a: 'arm' }], { os: 'linux', architecture: 'arm64', variant: 'v8' });
    const entry = (digest: string, architecture: string) => {
      const { mediaType, body } = registry.manifests.get(digest) ?? { mediaType: '', body: Buffer.alloc(0) };
      return { mediaType, digest, size: body.length, platform: { os: 'linux', architecture } };
    };
    const document = {
      schemaVersion: 2,
      manifests: [entry(arm.manifestDigest, 'arm64'), entry(amd.manifestDigest, 'amd64')],
    };
    const index = registry.addManifest('latest', document, mediaTypes.ociIndex);
    expect((await store.pull(app())).image).toMatchObject({
      id: amd.id,
      repoDigests: [`${registry.host}/app@${index}`],
    });
    const platform = parsePlatform('linux/arm64/v8', own);
    expect((await store.pull(app(), { platform })).image.id).toBe(arm.id);
    await store.images.sweep();
    const offers = store.images.offers(store.images.get(app()));
    expect(offers.map(({ image }) => image?.id)).toEqual([arm.id, amd.id]);
    expect(store.blobs()).toContain(index.slice('sha256:'.length));
    await expect(store.pull(app(), { platform: parsePlatform('s390x', own) })).rejects.toMatchObject({
      kind: 'not-found',
      message: 'no matching manifest for linux/s390x in the manifest list entries',
    });
  });

  it('pulls by digest', async () => {
    const pushed = await registry.addImage('latest', [{ a: 'one' }]);
    const name = `${registry.host}/app@${pushed.manifestDigest}`;
    const { image, lines } = await store.pull(name);
    expect(lines[0]).toBe(`${name}: Pulling from app`);
    expect(image).toMatchObject({ references: [], repoDigests: [name] });
    expect(store.images.get(name).id).toBe(pushed.id);
  });

  it('goes on where a connection broke, after a restart too', async () => {
    const pushed = await registry.addImage('latest', [{ noise }]);
    const { digest = '', packed = Buffer.alloc(0) } = pushed.layers[0] ?? {};
    const half = packed.length >> 1;
    let cuts = 0;
    registry.behaviour = (request, response) => {
      if (!request.url?.endsWith(digest) || ++cuts > 5) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      response.writeHead(start > 0 ? 206 : 200, { 'Content-Range': `bytes ${start}-${packed.length - 1}/*` });
      response.write(packed.subarray(start, Math.min(half, start + 40_000)), () => response.destroy());
      return true;
    };
    expect(await failure(app())).toBe('unexpected EOF');
    expect(store.halfMade()).toEqual({ drafts: [], images: 0, spools: [`${digest.slice(7)}.partial`] });
    await store.reopen();
    registry.requests.length = 0;
    await store.pull(app());
    expect(registry.requests.filter(line => line.includes(digest))).toEqual([
      expect.stringMatching(new RegExp(`^GET /v2/app/blobs/${digest} bytes=[1-9]\\d*-$`)),
    ]);
  });

  it('copes with a registry that knows no ranges', async () => {
    const pushed = await registry.addImage('latest', [{ noise }]);
    const { digest = '', packed = Buffer.alloc(0) } = pushed.layers[0] ?? {};
    let calls = 0;
    registry.behaviour = (request, response) => {
      if (!request.url?.endsWith(digest)) return false;
      response.writeHead(200);
      if (++calls > 1) response.end(packed);
      else response.write(packed.subarray(0, 50_000), () => response.destroy());
      return true;
    };
    expect((await store.pull(app())).image.id).toBe(pushed.id);
  });

  it('refuses a layer with another digest, at once when it was fetched in one piece', async () => {
    const pushed = await registry.addImage('latest', [{ noise }]);
    const { digest = '', packed = Buffer.alloc(0) } = pushed.layers[0] ?? {};
    const bad = Buffer.from(packed);
    bad[bad.length - 5] = (bad[bad.length - 5] ?? 0) ^ 1;
    registry.blobs.set(digest, bad);
    expect(await failure(app())).toBe(`filesystem layer verification failed for digest ${digest}`);
    expect(registry.count(`GET /v2/app/blobs/${digest}`)).toBe(1);
    expect(store.halfMade()).toEqual({ drafts: [], images: 0, spools: [] });
    registry.blobs.set(digest, Buffer.concat([packed, packed]));
    expect(await failure(app())).toBe(`filesystem layer verification failed for digest ${digest}`);
  });

  it('begins again when what an earlier pull left was bad', async () => {
    const pushed = await registry.addImage('latest', [{ noise }]);
    const { digest = '' } = pushed.layers[0] ?? {};
    const partial = await store.content.ingest(digest as Parameters<typeof store.content.ingest>[0]);
    await partial.write(Buffer.from('not what it should be'));
    await partial.suspend();
    expect((await store.pull(app())).image.id).toBe(pushed.id);
  });

  it('refuses layers that the configuration does not know', async () => {
    const pushed = await registry.addImage('latest', [{ a: 'one' }]);
    const other = await registry.addImage('other', [{ a: 'two' }]);
    const { body = Buffer.alloc(0) } = registry.manifests.get(pushed.manifestDigest) ?? {};
    const manifest = JSON.parse(body.toString());
    manifest.layers[0].digest = other.layers[0]?.digest;
    manifest.layers[0].size = other.layers[0]?.packed.length;
    registry.addManifest('latest', manifest, mediaTypes.dockerManifest);
    expect(await failure(app())).toBe("layers from manifest don't match image configuration");
    manifest.layers.push(manifest.layers[0]);
    registry.addManifest('latest', manifest, mediaTypes.dockerManifest);
    expect(await failure(app())).toBe("layers from manifest don't match image configuration");
    expect(store.halfMade()).toMatchObject({ drafts: [], images: 0 });
  });

  it('shares layers between pulls at the same time; the last to go stops the work', async () => {
    const pushed = await registry.addImage('latest', [{ a: 'one' }, { noise }]);
    const { digest = '', packed = Buffer.alloc(0) } = pushed.layers[1] ?? {};
    let open: () => void = () => undefined;
    const gate = new Promise<void>(resolve => {
      open = resolve;
    });
    const arrived = new Promise<void>(resolve => {
      registry.behaviour = async (request, response) => {
        if (!request.url?.endsWith(digest)) return false;
        response.writeHead(200);
        response.write(packed.subarray(0, 1000), () => resolve());
        await gate;
        response.end(packed.subarray(1000));
        return true;
      };
    });
    const impatient = new AbortController();
    const cancelled = store.pull(app(), { signal: impatient.signal });
    const joined = Promise.withResolvers<void>();
    const progress = ({ status }: JsonMessage): void => {
      if (status === 'Downloading') joined.resolve();
    };
    const patient = store.images.pull(parseReference(app()), { progress, signal: new AbortController().signal });
    await arrived;
    await joined.promise;
    impatient.abort();
    await expect(cancelled).rejects.toMatchObject({ kind: 'cancelled' });
    open();
    expect((await patient).id).toBe(pushed.id);
    expect(registry.count(`GET /v2/app/blobs/${digest}`)).toBe(1);
  });

  it('leaves nothing but partial downloads when it is cancelled', async () => {
    const pushed = await registry.addImage('latest', [{ noise }, { b: 'two' }]);
    const { digest = '', packed = Buffer.alloc(0) } = pushed.layers[0] ?? {};
    const partials = pushed.layers.map(layer => `${layer.digest.slice(7)}.partial`).sort();
    const controller = new AbortController();
    registry.behaviour = async (request, response) => {
      if (!request.url?.endsWith(digest)) return false;
      response.writeHead(200);
      response.write(packed.subarray(0, 10_000));
      const hasBytes = (file: string): boolean => statSync(join(store.folder, 'content/ingest', file)).size > 0;
      await eventually('both are there, and the small one whole', () => {
        return store.halfMade().spools.length === 2 && partials.some(hasBytes);
      });
      controller.abort();
      await once(response, 'close');
      return true;
    };
    await expect(store.pull(app(), { signal: controller.signal })).rejects.toMatchObject({
      kind: 'cancelled',
      message: 'context canceled',
    });
    const kept = { drafts: [], images: 0, spools: partials };
    expect(store.halfMade()).toEqual(kept);
    const nobody = (): [] => [];
    expect((await store.images.prune({ label: ['about=something'] }, nobody)).spaceReclaimed).toBe(0);
    expect(store.halfMade()).toEqual(kept);
    expect((await store.images.prune({ dangling: ['true'] }, nobody)).spaceReclaimed).toBeGreaterThan(0);
    expect(store.halfMade()).toEqual({ ...kept, spools: [] });
  });

  it('gives up a registry that says nothing', async () => {
    registry.behaviour = async (request, response) => {
      if (request.method !== 'HEAD') return false;
      await once(response, 'close');
      return true;
    };
    expect(await failure(app())).toBe(`Head "http://${registry.host}/v2/app/manifests/latest": i/o timeout`);
  });

  it.each<[string, (host: string) => string, Parameters<typeof refuse>[1], string, string]>([
    ['an unknown tag', () => 'manifest unknown', 404, 'MANIFEST_UNKNOWN', 'not-found'],
    [
      'an unknown repository',
      h => `repository ${h}/app not found: name unknown: name unknown`,
      404,
      'NAME_UNKNOWN',
      'not-found',
    ],
    [
      'a forbidden repository',
      h => `pull access denied for ${h}/app, repository does not exist or may require 'docker login': denied: denied`,
      403,
      'DENIED',
      'not-found',
    ],
    ['too many pulls', () => 'toomanyrequests: toomanyrequests', 429, 'TOOMANYREQUESTS', 'unavailable'],
    [
      'a broken registry',
      () => 'received unexpected HTTP status: 500 Internal Server Error',
      500,
      'UNKNOWN',
      'unavailable',
    ],
  ])('tells of %s as dockerd does', async (_, message, status, code, kind) => {
    registry.behaviour = (request, response) => {
      if (request.url === '/v2/') return false;
      refuse(response, status, code);
      return true;
    };
    await expect(store.pull(app())).rejects.toMatchObject({ message: message(registry.host), kind });
  });

  it('of an image that somebody removes meanwhile leaves all of it, or nothing', async () => {
    await registry.addImage('latest', [{ a: 'one' }, { b: 'two' }]);
    for (let round = 0; round < 40; round++) {
      await store.pull(app());
      const again = store.pull(app());
      for (let turn = 0; turn < round; turn++) await setImmediate();
      await Promise.allSettled([store.images.remove(app(), { force: true, inUse: () => [] }), again]);
      const missing = store.images.find(app())?.chainIds.filter(chainId => !store.snapshots.hasLayer(chainId)) ?? [];
      expect(missing, `in round ${round}`).toEqual([]);
    }
  });

  it('tells that nobody listens as dockerd does', async () => {
    const { host } = registry;
    await registry.stop();
    expect(await failure(`${host}/app`)).toBe(
      `Get "http://${host}/v2/": dial tcp ${host}: connect: connection refused`,
    );
    registry = await FakeRegistry.start();
  });

  it('tells of a configuration that cannot be had as dockerd does', async () => {
    const pushed = await registry.addImage('latest', [{ a: 'one' }]);
    registry.behaviour = (request, response) => {
      if (!request.url?.endsWith(pushed.id)) return false;
      response.writeHead(200);
      response.write('{', () => response.destroy());
      return true;
    };
    expect(await failure(app())).toBe(
      'error pulling image configuration: download failed after attempts=5: unexpected EOF',
    );
  });
});
