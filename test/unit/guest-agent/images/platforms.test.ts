import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonMessage } from '../../../../contracts/docker/common.ts';
import { type Descriptor, mediaTypes } from '../../../../contracts/oci/descriptor.ts';
import type { Digest } from '../../../../contracts/oci/digest.ts';
import type { ImageIndex } from '../../../../contracts/oci/image-spec.ts';
import { parseReference } from '../../../../contracts/oci/reference.ts';
import type { Image } from '../../../../guest-agent/images/index.ts';
import { FakeRegistry, sha256, tarOf } from '../../../fakes/fake-registry.ts';
import { FakeUploads } from '../../../fakes/fake-uploads.ts';
import { openStore, type Store } from './store.ts';

const signal = new AbortController().signal;
const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const riscv64 = { os: 'linux', architecture: 'riscv64' };
const alone = { force: false, inUse: () => [] };
const quiet = { quiet: true, progress: () => undefined };
const nameOf = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;

/** An OCI layout that grows blob by blob. */
class Layout {
  readonly files: Record<string, string | Buffer> = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' };

  add(content: string | Buffer | object, mediaType: string): Descriptor {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const digest = sha256(bytes) as Digest;
    this.files[nameOf(digest)] = bytes;
    return { mediaType, digest, size: bytes.length };
  }

  async image(platform: { os: string; architecture: string }, text: string): Promise<Descriptor> {
    const tar = await tarOf({ text });
    const config = { ...platform, rootfs: { type: 'layers', diff_ids: [sha256(tar)] } };
    return {
      ...this.manifest(config, [this.add(gzipSync(tar), mediaTypes.ociLayerGzip)]),
      platform,
    };
  }

  /** What BuildKit says of an image. */
  statement(about: Descriptor): Descriptor {
    const subject = [{ name: 'app', digest: { sha256: about.digest.slice('sha256:'.length) } }];
    const document = this.add({ subject, predicate: { big: 1e21 } }, 'application/vnd.in-toto+json');
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': about.digest,
    };
    const rootfs = { type: 'layers', diff_ids: [document.digest] };
    const manifest = this.manifest({ architecture: 'unknown', os: 'unknown', rootfs }, [document]);
    return { ...manifest, annotations, platform: { os: 'unknown', architecture: 'unknown' } };
  }

  index(manifests: Descriptor[]): Descriptor {
    return this.add({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, mediaTypes.ociIndex);
  }

  tar(top: Descriptor, name: string): Promise<Buffer> {
    const annotations = { 'io.containerd.image.name': name };
    this.files['index.json'] = JSON.stringify({ schemaVersion: 2, manifests: [{ ...top, annotations }] });
    return tarOf(this.files);
  }

  private manifest(config: object, layers: Descriptor[]): Descriptor {
    const mediaType = mediaTypes.ociManifest;
    return this.add({ schemaVersion: 2, mediaType, config: this.add(config, mediaTypes.ociConfig), layers }, mediaType);
  }
}

/** What a statement is about, by its own words; its configuration, too, must name them. */
function subjectOf(statement: Descriptor | undefined, read: (digest: Digest) => Buffer | undefined): string {
  const document = (digest: Digest | undefined) => JSON.parse((digest && read(digest))?.toString() ?? '{}');
  const { config, layers } = document(statement?.digest);
  expect(document(config.digest).rootfs.diff_ids).toEqual([layers[0].digest]);
  return `sha256:${document(layers[0].digest).subject[0].digest.sha256}`;
}

async function filesIn(tar: Readable): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const entry of tar.pipe(extract())) {
    files.set(entry.header.name, await buffer(entry));
  }
  return files;
}

describe('an image of several platforms', () => {
  let registry: FakeRegistry;
  let store: Store;
  let name: string;

  beforeEach(async () => {
    registry = await FakeRegistry.start();
    store = await openStore();
    name = `${registry.host}/app:1`;
  });
  afterEach(async () => {
    await registry.stop();
    store.close();
  });

  const publish = async (tag: string, texts: Record<string, string>): Promise<string> => {
    const manifests = [];
    for (const [architecture, text] of Object.entries(texts)) {
      const platform = { os: 'linux', architecture };
      const { manifestDigest: digest } = await registry.addImage(`${tag}-${architecture}`, [{ text }], platform);
      const { mediaType = '', body = Buffer.alloc(0) } = registry.manifests.get(digest) ?? {};
      manifests.push({ mediaType, digest, size: body.length, platform });
    }
    return registry.addManifest(tag, { schemaVersion: 2, manifests }, mediaTypes.ociIndex);
  };
  const pullBoth = async (): Promise<Image[]> => [
    (await store.pull(name, { platform: arm64 })).image,
    (await store.pull(name, { platform: amd64 })).image,
  ];
  const push = async (target: string, platform?: typeof amd64): Promise<JsonMessage[]> => {
    const messages: JsonMessage[] = [];
    const options = { ...(platform ? { platform } : {}), progress: (message: JsonMessage) => messages.push(message) };
    await store.images.push(parseReference(target), { ...options, signal });
    return messages;
  };
  const load = async (tar: Buffer) => store.images.load(Readable.from([tar]), quiet);

  it('is one, and each platform of it is to be had', async () => {
    await publish('1', { amd64: 'amd', arm64: 'arm', riscv64: 'none of ours' });
    const [arm, amd] = await pullBoth();
    expect(store.images.list()).toMatchObject([{ id: amd?.id, siblings: [arm?.id], references: [{ tag: '1' }] }]);
    expect(store.images.list()[0]?.size).toBe((arm?.size ?? 0) + (amd?.size ?? 0));
    expect(store.images.list().map(image => store.images.sharedSize(image))).toEqual([0]);
    await store.images.tag(arm?.id ?? '', parseReference('arm:alone'));
    const rows = store.images.list().map(({ id, references }) => [id, references.map(({ tag }) => tag)]);
    expect(new Map(rows as [string, string[]][])).toEqual(
      new Map([
        [arm?.id, ['alone']],
        [amd?.id, ['1']],
      ]),
    );
    await store.images.remove('arm:alone', alone);
    expect([undefined, amd64, arm64, riscv64].map(platform => store.images.find(name, platform)?.id)).toEqual([
      amd?.id,
      amd?.id,
      arm?.id,
      undefined,
    ]);
    expect(store.images.get(arm?.id ?? '').references).toMatchObject([{ tag: '1' }]);
    const again = await store.reopen();
    expect(again.offers(again.get(name)).map(({ image }) => image?.id)).toEqual([amd?.id, arm?.id, undefined]);
    expect((await store.pull(name)).lines.at(-1)).toContain('Image is up to date');
  });

  it('goes platform by platform, or with its last name', async () => {
    await publish('1', { amd64: 'amd', arm64: 'arm' });
    const [arm, amd] = await pullBoth();
    await store.images.tag(name, parseReference('mine:1'));
    const used = (id: string) => (id === arm?.id ? [{ id: 'c'.repeat(64), running: true }] : []);
    await expect(store.images.remove(name, { ...alone, platform: arm64, inUse: used })).rejects.toThrow(
      'is being used by running container',
    );
    expect(await store.images.remove(name, { ...alone, platform: arm64 })).toMatchObject([
      { Deleted: arm?.id },
      { Deleted: arm?.topChainId },
    ]);
    expect(store.images.find('mine:1', arm64)).toBeUndefined();
    await store.pull(name, { platform: arm64 });
    expect(await store.images.remove(name, alone)).toMatchObject([{ Untagged: name }, {}]);
    expect(store.images.find('mine:1', arm64)?.id).toBe(arm?.id);
    await expect(store.images.remove('mine:1', { ...alone, inUse: used })).rejects.toThrow('is using its referenced');
    const gone = await store.images.remove('mine:1', alone);
    expect(gone).toContainEqual({ Deleted: amd?.id });
    expect(gone).toContainEqual({ Deleted: arm?.id });
    expect([store.images.list(), store.blobs(), store.snapshots.asSnapshots().layers()]).toEqual([[], [], []]);
  });

  it('stays without a name when that moves on, shares what did not change, and is pruned whole', async () => {
    await publish('1', { amd64: 'same', arm64: 'old' });
    const [old, same] = await pullBoth();
    await publish('1', { amd64: 'same', arm64: 'new' });
    const [fresh] = await pullBoth();
    expect(store.images.find(name, arm64)?.id).toBe(fresh?.id);
    expect(new Set(store.images.get(same?.id ?? '').siblings)).toEqual(new Set([old?.id, fresh?.id]));
    const digests = store.images.get(name).repoDigests;
    expect(digests).toHaveLength(2);
    const former = digests.find(digest => store.images.find(digest, arm64)?.id === old?.id) ?? '';
    await store.images.remove(former, alone);
    expect(store.images.find(old?.id ?? '')).toBeUndefined();
    expect(store.images.find(name, amd64)?.id).toBe(same?.id);
    await store.images.remove(fresh?.id ?? '', { ...alone, platform: arm64 });
    expect(store.images.list()).toMatchObject([{ id: same?.id, siblings: [] }]);
    await store.images.prune({ dangling: ['false'] }, () => []);
    expect([store.images.list(), store.blobs()]).toEqual([[], []]);
  });

  it('is pushed whole, or what there is of it, with the note of dockerd', async () => {
    const index = await publish('1', { amd64: 'amd', arm64: 'arm' });
    const uploads = new FakeUploads(registry);
    await store.pull(name, { platform: arm64 });
    const target = `${registry.host}/copy:1`;
    await store.images.tag(name, parseReference(target));
    const note = (await push(target)).flatMap(({ aux }) =>
      JSON.stringify(aux)?.includes('originalIndex') ? [aux] : [],
    );
    const part = registry.manifests.get('1-arm64');
    expect(note).toEqual([
      {
        manifestPushedInsteadOfIndex: true,
        originalIndex: expect.objectContaining({ digest: index }),
        selectedManifest: expect.objectContaining({ digest: sha256(part?.body ?? '') }),
      },
    ]);
    expect(registry.manifests.get('1')?.body).toEqual(part?.body);
    await expect(push(target, riscv64)).rejects.toThrow(
      `image with reference ${target} was found but does not provide the specified platform (linux/riscv64)`,
    );
    await publish('1', { amd64: 'amd', arm64: 'arm' });
    await store.pull(name);
    expect((await push(target)).find(({ aux }) => aux)?.aux).toMatchObject({ Tag: '1', Digest: index });
    expect(sha256(registry.manifests.get('1')?.body ?? '')).toBe(index);
    await push(target, arm64);
    expect(registry.manifests.get('1')?.body).toEqual(part?.body);
    expect(uploads).toBeDefined();
  });

  it('comes with all that is in a layout, indexes in indexes and statements too, and goes on so', async () => {
    const uploads = new FakeUploads(registry);
    const layout = new Layout();
    const [amd, arm] = [await layout.image(amd64, 'amd'), await layout.image(arm64, 'arm')];
    const inner = layout.index([arm, layout.statement(arm)]);
    const tar = await layout.tar(layout.index([amd, layout.statement(amd), inner]), 'docker.io/library/app:2');
    expect((await load(tar)).map(({ config }) => config.architecture)).toEqual(['amd64', 'arm64']);
    expect(store.images.offers(store.images.get('app:2')).map(({ available }) => available)).toEqual(
      Array(4).fill(true),
    );
    await store.images.sweep();

    const saved = await filesIn(store.images.save(['app:2']));
    const read = (file: string): ImageIndex => JSON.parse(saved.get(file)?.toString() ?? '{}');
    const top = read(nameOf(read('index.json').manifests[0]?.digest ?? ''));
    const [first, statement, second] = top.manifests;
    expect(statement?.annotations?.['vnd.docker.reference.digest']).toBe(first?.digest);
    const kept = (digest: Digest): Buffer | undefined => saved.get(nameOf(digest));
    expect(subjectOf(statement, kept)).toBe(first?.digest);
    expect(read(nameOf(second?.digest ?? '')).manifests.map(({ platform }) => platform?.os)).toEqual([
      'linux',
      'unknown',
    ]);
    expect(JSON.parse(saved.get('manifest.json')?.toString() ?? '')).toMatchObject([{ RepoTags: ['app:2'] }]);

    const other = await openStore();
    const back = await other.images.load(Readable.from([await tarOf(Object.fromEntries(saved))]), quiet);
    expect(back.map(({ id }) => id)).toEqual(store.images.list().flatMap(({ id, siblings }) => [id, ...siblings]));
    expect(other.images.offers(other.images.get('app:2')).map(({ available }) => available)).toEqual(
      Array(4).fill(true),
    );
    other.close();

    await store.images.tag('app:2', parseReference(name));
    await push(name);
    const pushed: ImageIndex = JSON.parse(registry.manifests.get('1')?.body.toString() ?? '{}');
    expect(pushed.manifests[1]?.annotations?.['vnd.docker.reference.digest']).toBe(pushed.manifests[0]?.digest);
    for (const { digest } of pushed.manifests) expect(registry.manifests.has(digest)).toBe(true);
    expect(pushed.manifests[0]?.digest).not.toBe(amd.digest);
    const sent = (digest: Digest): Buffer | undefined =>
      registry.manifests.get(digest)?.body ?? registry.blobs.get(digest);
    expect(subjectOf(pushed.manifests[1], sent)).toBe(pushed.manifests[0]?.digest);
    expect(uploads).toBeDefined();
  });

  it('of which an archive has a part is loaded as far as it is there, and saved as what is asked for', async () => {
    const layout = new Layout();
    const [amd, arm] = [await layout.image(amd64, 'amd'), await layout.image(arm64, 'arm')];
    const top = layout.index([amd, arm]);
    const whole = await layout.tar(top, 'docker.io/library/app:2');
    const wanted = await store.images.load(Readable.from([whole]), { ...quiet, platform: arm64 });
    expect(wanted.map(({ config }) => config.architecture)).toEqual(['arm64']);
    const only = await filesIn(store.images.save(['app:2']));
    expect(JSON.parse(only.get('index.json')?.toString() ?? '').manifests[0].mediaType).toBe(mediaTypes.ociManifest);
    await load(whole);
    const asked = await filesIn(store.images.save(['app:2'], arm64));
    expect(asked).toEqual(only);
    expect(() => store.images.save(['app:2'], riscv64)).toThrow('no suitable export target found');

    await store.images.remove('app:2', alone);
    delete layout.files[nameOf(arm.digest)];
    const part = await load(await layout.tar(top, 'docker.io/library/app:2'));
    expect(part.map(({ config }) => config.architecture)).toEqual(['amd64']);
    expect(store.images.offers(store.images.get('app:2')).map(({ available }) => available)).toEqual([true, false]);
  });
});
