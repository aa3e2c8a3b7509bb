import { describe, expect, it } from 'vitest';
import { mediaTypes } from '../../../../contracts/oci/descriptor.ts';
import { chooseManifest, parseConfig, parseManifest } from '../../../../guest-agent/images/manifests.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const layers = [{ mediaType: mediaTypes.ociLayerGzip, digest, size: 3 }];
const manifests = [
  { mediaType: mediaTypes.ociManifest, digest, size: 4, platform: { os: 'linux', architecture: 'arm' } },
];
const image = { schemaVersion: 2, config, layers };
const { ociManifest, ociIndex, dockerManifest, dockerIndex, dockerManifestV1, dockerManifestV1Signed } = mediaTypes;

describe('manifests', () => {
  const parse = (document: object, type: string) => parseManifest(Buffer.from(JSON.stringify(document)), type);

  it.each([
    ['a manifest with manifests', { ...image, manifests }, ociManifest, 'expected manifest but found index'],
    ["a manifest of Docker's with manifests", { ...image, manifests }, dockerManifest, 'expected manifest but found'],
    ['an index with layers', { manifests, layers }, ociIndex, 'index: expected index but found manifest'],
    ['a list with a configuration', { manifests, config }, dockerIndex, 'expected index but found manifest'],
    ['both, of no type', { ...image, manifests }, 'text/plain', 'expected index but found manifest'],
    [
      'what says another type than its giver',
      { ...image, mediaType: ociIndex },
      ociManifest,
      `if present, mediaType in manifest should be '${ociManifest}' not '${ociIndex}'`,
    ],
    [
      'an artifact',
      { ...image, config: { ...config, mediaType: 'application/vnd.oci.empty.v1+json' } },
      ociManifest,
      'unsupported media type application/vnd.oci.empty.v1+json',
    ],
    [
      'an artifact of the old kind',
      { mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: layers },
      'application/vnd.oci.artifact.manifest.v1+json',
      'unsupported manifest media type: application/vnd.oci.artifact.manifest.v1+json',
    ],
    ['schema 1', { schemaVersion: 1 }, dockerManifestV1Signed, 'schema 1 are no longer supported'],
    ['schema 1 that does not say so', {}, dockerManifestV1, 'schema 1 are no longer supported'],
    [
      'a digest that is none',
      { ...image, config: { ...config, digest: 'sha256:../../x' } },
      ociManifest,
      'unsupported',
    ],
    ['a size that no number has', { ...image, layers: [{ ...layers[0], size: 1e30 }] }, ociManifest, 'bad descriptor'],
    ['a size below nothing', { ...image, layers: [{ ...layers[0], size: -1 }] }, ociManifest, 'bad descriptor'],
    ['too many layers', { ...image, layers: Array(600).fill(layers[0]) }, dockerManifest, 'max depth exceeded'],
  ])('%s is refused', (_what, document, type, words) => {
    expect(() => parse(document, type)).toThrow(words);
  });

  it.each([
    ['labels that are none', { config: { Labels: 'x' } }, 'cannot unmarshal string into Go struct field'],
    ['a label that is a number', { config: { Labels: { a: 1 } } }, 'cannot unmarshal number into Go struct field'],
    ['an environment that is none', { config: { Env: {} } }, 'cannot unmarshal object into Go struct field'],
    ['a history that is a word', { history: 'x' }, 'cannot unmarshal string into Go struct field'],
    ['a step that is nothing', { history: [null] }, 'has an entry that is null'],
    ['an architecture that is a list', { architecture: ['amd64'] }, 'cannot unmarshal array into Go struct field'],
    ['a layer outside', { rootfs: { type: 'layers', diff_ids: ['sha256:../../../etc'] } }, 'not a list of digests'],
  ])('of an image with %s are refused', (_what, more, words) => {
    const document = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digest] } };
    const read = (value: object) => parseConfig(Buffer.from(JSON.stringify(value)));
    expect(read(document).os).toBe('linux');
    expect(() => read({ ...document, ...more })).toThrow(words);
  });

  it.each([
    ['a platform that is a word', { platform: 'linux' }],
    ['an architecture that is a number', { platform: { os: 'linux', architecture: 7 } }],
    ['a name that is a number', { annotations: { 'io.containerd.image.name': 5 } }],
    ['an address that is none', { urls: 'http://x' }],
  ])('with %s are refused', (_what, more) => {
    const index = { manifests: [{ ...manifests[0], annotations: null, ...more }] };
    expect(() => parse(index, ociIndex)).toThrow('cannot unmarshal');
    expect(parse({ manifests: [{ ...manifests[0], annotations: null }] }, ociIndex)).toMatchObject({ kind: 'index' });
  });

  it('that say nothing of their type are read by their shape', () => {
    expect(parse(image, 'application/json').kind).toBe('manifest');
    expect(parse({ manifests }, '').kind).toBe('index');
    expect(parse({ ...image, mediaType: dockerManifest }, 'application/octet-stream').kind).toBe('manifest');
  });

  it('are chosen as containerd does: the nearest variant, or what is for the 32-bit sister', () => {
    const arm = (variant: string, size: number) => ({
      ...config,
      size,
      platform: { os: 'linux', architecture: 'arm', variant },
    });
    const index = { schemaVersion: 2 as const, manifests: [arm('v6', 6), arm('v7', 7)] as never[] };
    const chosen = (architecture: string, variant?: string): number =>
      chooseManifest(index, { os: 'linux', architecture, ...(variant ? { variant } : {}) }).size;
    expect([chosen('arm', 'v6'), chosen('arm', 'v7'), chosen('arm', 'v8'), chosen('arm'), chosen('arm64')]).toEqual([
      6, 7, 7, 7, 7,
    ]);
    expect(() => chosen('arm', 'v5')).toThrow('no matching manifest for linux/arm/v5 in the manifest list entries');
    expect(() => chosen('amd64')).toThrow('no matching manifest for linux/amd64 in the manifest list entries');
  });
});
