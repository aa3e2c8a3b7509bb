import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpJson } from '../../../base/http-client.ts';
import type { ImageSummary } from '../../../contracts/docker/images.ts';
import { mediaTypes } from '../../../contracts/oci/descriptor.ts';
import type { ImageIndex } from '../../../contracts/oci/image-spec.ts';
import { FakeRegistry } from '../../fakes/fake-registry.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { startRegistry } from '../../support/registry.ts';
import { whyNot } from '../faults/faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const [own, other] = process.arch === 'arm64' ? ['arm64', 'amd64'] : ['amd64', 'arm64'];

describe.skipIf(reason)('an image of several platforms', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  let registry: FakeRegistry;
  let name: string;
  const folder = mkdtempSync(join(tmpdir(), 'berth-platforms-'));
  const archive = join(folder, 'saved.tar');
  const list = async () =>
    (await httpJson({ socketPath: engine.socket }, 'GET', '/v1.48/images/json?manifests=1')) as ImageSummary[];

  beforeAll(async () => {
    registry = await FakeRegistry.start();
    engine = await startNativeEngine();
    name = `${registry.host}/app:latest`;
    const manifests = [];
    for (const architecture of [own, other, 's390x']) {
      const { manifestDigest: digest } = await registry.addImage(architecture, [{ [architecture]: architecture }], {
        os: 'linux',
        architecture,
      });
      const { mediaType = '', body = '' } = registry.manifests.get(digest) ?? {};
      manifests.push({ mediaType, digest, size: body.length, platform: { os: 'linux', architecture } });
    }
    const [first] = manifests;
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': first?.digest,
    };
    const statement = { ...first, platform: { os: 'unknown', architecture: 'unknown' }, annotations };
    registry.addManifest(
      'latest',
      { schemaVersion: 2, manifests: [...manifests, { ...statement, digest: registry.addBlob(Buffer.from('{}')) }] },
      mediaTypes.ociIndex,
    );
  });
  afterAll(async () => {
    await engine?.stop();
    await registry?.stop();
    rmSync(folder, { recursive: true });
  });

  it('tells which there are, and which of them are here, each of them to be asked for', async () => {
    const { docker } = engine;
    const platformOf = async (platform: string): Promise<string> =>
      docker('image', 'inspect', '--platform', `linux/${platform}`, '--format', '{{.Architecture}}', name);
    await docker('pull', '-q', name);
    await expect(platformOf(other)).rejects.toThrow('does not match the specified platform');
    await docker('pull', '-q', '--platform', `linux/${other}`, name);
    expect([await platformOf(own), await platformOf(other)]).toEqual([`${own}\n`, `${other}\n`]);
    const asked = registry.requests.length;
    const id = await docker('create', '--platform', `linux/${own}`, name, 'true');
    expect(await docker('inspect', '--format', '{{.Image}}', id.trim())).toBe(
      await docker('image', 'inspect', '--platform', `linux/${own}`, '--format', '{{.Id}}', name),
    );
    expect(registry.requests.length).toBe(asked);
    const [image] = await list();
    expect(
      image?.Manifests?.map(({ Kind, Available, ImageData }) => [Kind, Available, ImageData?.Platform.architecture]),
    ).toEqual([
      ['image', true, own],
      ['image', true, other],
      ['image', false, 's390x'],
      ['attestation', false, undefined],
    ]);
    const tree = await docker('images', '--tree');
    for (const architecture of [own, other, 's390x']) expect(tree).toContain(`linux/${architecture}`);
    await docker('rm', id.trim());
  });

  it('goes to a registry as far as it is here, and through an archive', async () => {
    const { docker } = engine;
    const { host, stop } = await startRegistry();
    try {
      const target = `${host}/app:1`;
      await docker('tag', name, target);
      expect(await docker('push', target)).toContain('Not all multiplatform-content is present');
      await docker('save', '-o', archive, name);
      await docker('rmi', target, name);
      await docker('load', '-q', '-i', archive);
      const architectures = async (): Promise<string[]> => {
        const [image] = await list();
        return (image?.Manifests ?? []).flatMap(
          each => (each.Available && each.ImageData?.Platform.architecture) || [],
        );
      };
      expect(await architectures()).toEqual([own, other]);
      await docker('tag', name, target);
      await docker('push', target); // all that the index of the archive names is here
      const index = JSON.parse(await docker('manifest', 'inspect', '--insecure', target)) as ImageIndex;
      expect(index.manifests.map(({ platform }) => platform?.architecture)).toEqual([own, other]);
      await docker('push', '--platform', `linux/${other}`, target);
      expect(await docker('manifest', 'inspect', '--insecure', target)).not.toContain('"manifests"');
      await docker('rmi', target);
      await docker('rmi', '--platform', `linux/${other}`, name);
      expect(await architectures()).toEqual([own]);
      await expect(docker('rmi', '--platform', 'linux/s390x', name)).rejects.toThrow('does not match');
      await docker('rmi', name);
      expect(await list()).toEqual([]);
    } finally {
      await stop();
    }
  });

  it('can be put together in a registry by docker manifest, and is then pulled by its platforms', async () => {
    const { docker } = engine;
    const { host, stop } = await startRegistry();
    const manifest = (...words: string[]) =>
      engine.tryDocker(['manifest', ...words], { env: { DOCKER_CONFIG: folder } });
    try {
      const whole = `${host}/whole:1`;
      for (const architecture of [own, other]) {
        await docker('pull', '-q', `${registry.host}/app:${architecture}`);
        await docker('tag', `${registry.host}/app:${architecture}`, `${host}/part:${architecture}`);
        await docker('push', '-q', `${host}/part:${architecture}`);
        await docker('rmi', `${registry.host}/app:${architecture}`, `${host}/part:${architecture}`);
      }
      const parts = [own, other].map(architecture => `${host}/part:${architecture}`);
      expect(await manifest('create', '--insecure', whole, ...parts)).toMatchObject({ code: 0 });
      const about = ['--os', 'linux', '--arch', other, '--variant', 'v9', `${host}/part:${other}`];
      expect(await manifest('annotate', whole, ...about)).toMatchObject({ code: 0 });
      expect(await manifest('push', '--insecure', whole)).toMatchObject({ code: 0 });
      await docker('pull', '-q', '--platform', `linux/${other}/v9`, whole);
      const platform = '{{.Architecture}}';
      expect(await docker('image', 'inspect', '--format', platform, whole)).toBe(`${other}\n`);
      await docker('rmi', whole);
    } finally {
      await stop();
    }
  });
});
