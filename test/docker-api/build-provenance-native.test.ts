import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { CommandResult } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';

interface Manifest {
  mediaType: string;
  manifests: Descriptor[];
  layers: Descriptor[];
}

/** Beside dockerd with containerd's store: the same documents, but for digests and times. */
describe('what is said of how an image was made', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;
  let registry: Registry;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-provenance-'));
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    registry = await startRegistry();
    await registry.push(await busyboxArchive(), 'base');
    await writeFile(join(folder, 'Dockerfile'), `FROM ${registry.host}/base\nRUN echo hello > /hello\n`);
  }, timeout);

  afterAll(async () => {
    await registry?.stop();
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
  });

  const build = (...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', ...args, folder], { env: { DOCKER_CONFIG: config } });
  const fetched = (path: string): Promise<Response> =>
    fetch(`http://${registry.host}/v2/${path}`, {
      headers: { accept: [ociIndex, ociManifest, dockerManifest].join() },
    });
  const manifest = async (path: string): Promise<Manifest> => (await (await fetched(path)).json()) as Manifest;

  it('goes with what is pushed, as clients ask by default', async () => {
    const tag = `${registry.host}/said`;
    const { code, stderr } = await build('--build-arg', 'SECRET=word', '-t', tag, '--push');
    expect(code, stderr).toBe(0);
    const index = await manifest('said/manifests/latest');
    expect(index.mediaType).toBe(ociIndex);
    const [image, about] = index.manifests;
    expect(image).toMatchObject({ mediaType: ociManifest, platform: { os: 'linux' } });
    expect(about).toMatchObject({
      platform: { architecture: 'unknown', os: 'unknown' },
      annotations: {
        'vnd.docker.reference.digest': image?.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
    });
    const [layer] = (await manifest(`said/manifests/${about?.digest}`)).layers;
    const statement = await (await fetched(`said/blobs/${layer?.digest}`)).json();
    const platform = encodeURIComponent(`linux/${image?.platform?.architecture}`);
    const base = (await fetched('base/manifests/latest')).headers.get('docker-content-digest') ?? '';
    const sha256 = (digest = ''): object => ({ sha256: digest.slice('sha256:'.length) });
    const named = (name: string): string => `pkg:docker/${registry.host}/${name}@latest?platform=${platform}`;
    expect(statement).toMatchObject({
      _type: 'https://in-toto.io/Statement/v0.1',
      predicateType: 'https://slsa.dev/provenance/v0.2',
      subject: [{ name: named('said'), digest: sha256(image?.digest) }],
      predicate: {
        buildType: 'https://mobyproject.org/buildkit@v1',
        materials: [{ uri: named('base'), digest: sha256(base) }],
        invocation: {
          configSource: { entryPoint: 'Dockerfile' },
          parameters: { frontend: 'dockerfile.v0', locals: [{ name: 'context' }, { name: 'dockerfile' }] },
        },
        metadata: { completeness: { parameters: false, environment: true, materials: false }, reproducible: false },
      },
    });
    expect(JSON.stringify(statement)).not.toContain('word');
    await engine().docker('rmi', tag);
    expect(await engine().docker('run', '--rm', '-q', tag, 'cat', '/hello')).toBe('hello\n');
  });

  it('is left out where nobody wants it', async () => {
    const { code, stderr } = await build('--provenance=false', '-t', `${registry.host}/plain`, '--push');
    expect(code, stderr).toBe(0);
    expect(await manifest('plain/manifests/latest')).not.toHaveProperty('manifests');
  });

  it('is refused where more is asked than can be said', async () => {
    expect((await build('--provenance=mode=max')).stderr).toContain('mode=max are not part of Berth: mode=min is');
    expect((await build('--sbom=true')).stderr).toContain('SBOM attestations are not part of Berth');
  });
});
