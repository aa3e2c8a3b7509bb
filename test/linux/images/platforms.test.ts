import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpJson } from '../../../base/http-client.ts';
import type { ImageSummary } from '../../../contracts/docker/images.ts';
import { mediaTypes } from '../../../contracts/oci/descriptor.ts';
import { FakeRegistry } from '../../fakes/fake-registry.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { whyNot } from '../faults/faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const [own, other] = process.arch === 'arm64' ? ['arm64', 'amd64'] : ['amd64', 'arm64'];

describe.skipIf(reason)('an image of several platforms', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  let registry: FakeRegistry;
  let name: string;

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
    const [image] = (await httpJson(
      { socketPath: engine.socket },
      'GET',
      '/v1.48/images/json?manifests=1',
    )) as ImageSummary[];
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
});
