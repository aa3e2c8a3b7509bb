import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { httpJson } from '../../../base/http-client.ts';
import { mediaTypes } from '../../../contracts/oci/descriptor.ts';
import { type Behaviour, FakeRegistry, type PushedImage, refuse } from '../../fakes/fake-registry.ts';
import { agentOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { engineToAttack, usable } from './fixture.ts';

const piece = Buffer.alloc(1 << 20, ' ');
/** Bytes that nobody should read of an answer that goes on and on. */
const patience = 64 << 20;

describe.skipIf(!usable)('a hostile registry', { timeout: 60_000 }, () => {
  const host = engineToAttack();
  const folder = mkdtempSync(join(tmpdir(), 'berth-credentials-'));
  let registry: FakeRegistry;
  let other: FakeRegistry;
  let image: PushedImage;
  let sent = 0;
  let endlessAnswers = 0;

  /** An answer without an end, for as long as anybody listens. */
  const goOn = (response: ServerResponse, status = 200, headers: Record<string, string> = {}): void => {
    response.writeHead(status, headers);
    if (response.req.method === 'HEAD') return void response.end();
    endlessAnswers++;
    const more = (): void => {
      for (let isTaken = true; isTaken && !response.destroyed; sent += piece.length) isTaken = response.write(piece);
    };
    response.on('drain', more);
    response.on('close', () => endlessAnswers--);
    more();
  };
  const when =
    (wanted: (url: string, method: string) => boolean, answer: (response: ServerResponse) => void): Behaviour =>
    ({ url = '', method = '' }, response) => {
      const isWanted = wanted(url, method);
      if (isWanted) answer(response);
      return isWanted;
    };
  const at = (place: string) => (url: string) => url.includes(place);
  const peakMemory = async (): Promise<number> => {
    const status = readFileSync(`/proc/${await agentOf(host.engine.pid())}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
  };
  const pull = (...args: string[]) => host.engine.tryDocker(['pull', ...args]);
  const name = (tag = 'latest'): string => `${registry.host}/app:${tag}`;

  beforeAll(async () => {
    [registry, other] = await Promise.all([FakeRegistry.start(), FakeRegistry.start()]);
  });
  beforeEach(async () => {
    registry.behaviour = other.behaviour = () => false;
    for (const { requests, headers } of [registry, other]) {
      requests.splice(0);
      headers.splice(0);
    }
    sent = 0;
    image = await registry.addImage('latest', [{ file: 'x' }]);
  });
  afterAll(async () => {
    await Promise.all([registry.stop(), other.stop()]);
    rmSync(folder, { recursive: true });
  });

  it.each<[string, () => Behaviour, boolean]>([
    ['its greeting', () => when(url => url === '/v2/', goOn), true],
    [
      'its refusal',
      () =>
        when(
          url => url === '/v2/',
          response => goOn(response, 401),
        ),
      true,
    ],
    ['a manifest', () => when(at('/manifests/'), goOn), false],
    ['a configuration', () => when(at(image.id), goOn), false],
    ['a layer', () => when(at(image.layers[0]?.digest ?? ''), goOn), false],
    ['an error', () => when(at('/manifests/'), response => goOn(response, 403)), false],
    [
      'a redirect',
      () => when(at('/blobs/'), response => goOn(response, 307, { Location: `http://${other.host}/x` })),
      false,
    ],
  ])('that never ends %s is listened to no longer than need be', async (_what, behaviour, isPulled) => {
    const before = await peakMemory();
    registry.behaviour = behaviour();
    const { code } = await pull('-q', name());
    expect(code).toBe(isPulled ? 0 : 1);
    await eventually('nobody listens any more', () => endlessAnswers === 0, 5000);
    expect(sent).toBeLessThan(patience);
    expect((await peakMemory()) - before).toBeLessThan(patience);
    if (isPulled) await host.engine.docker('rmi', name());
  });

  it('cannot make an inspection of what it has, or a list of its tags, read without end', async () => {
    registry.behaviour = when(at(image.id), goOn);
    const inspection = httpJson({ socketPath: host.engine.socket }, 'GET', `/v1.51/distribution/${name()}/json`);
    await expect(inspection).rejects.toThrow('verification failed');
    registry.behaviour = when(at('/tags/list'), goOn);
    expect((await pull('-a', '-q', `${registry.host}/app`)).stderr).toContain('too long for a document');
    await eventually('nobody listens any more', () => endlessAnswers === 0, 5000);
    expect(sent).toBeLessThan(patience);
  });

  it('cannot send the engine round in circles, to files and sockets, or nowhere', async () => {
    for (const [location, words] of [
      ['/v2/app/manifests/latest', 'stopped after 10 redirects'],
      ['file:///etc/passwd', 'unsupported protocol scheme "file"'],
      ['unix:///var/run/docker.sock', 'unsupported protocol scheme "unix"'],
      ['http://[', 'failed to parse Location header "http://["'],
    ] as const) {
      registry.behaviour = when(at('/manifests/'), response => response.writeHead(302, { Location: location }).end());
      expect((await pull('-q', name())).stderr).toContain(words);
    }
  });

  it('cannot have our credentials carried to somebody else, or what somebody else said to us alone', async () => {
    const env = { DOCKER_CONFIG: folder };
    const auth = Buffer.from('ann:secret').toString('base64');
    const identity = { auth: Buffer.from('ann:').toString('base64'), identitytoken: 'identity' };
    const knownAs = (entry: object): void =>
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { [registry.host]: entry } }));
    const pullAs = async (entry: object): Promise<string> => {
      knownAs(entry);
      return (await host.engine.tryDocker(['pull', '-q', name()], { env })).stderr;
    };
    const challenge = (realm: string): Behaviour =>
      when(at('/v2/'), response => {
        response.setHeader('WWW-Authenticate', realm);
        refuse(response, 401, 'UNAUTHORIZED');
      });
    const elsewhere = `http://${other.host}`;

    registry.behaviour = async (request, response) => {
      if (request.headers.authorization === undefined) return challenge('Basic realm="x"')(request, response);
      response.writeHead(307, { Location: `${elsewhere}${request.url}` }).end();
      return true;
    };
    await pullAs({ auth });
    expect(registry.headers.some(({ authorization }) => authorization === `Basic ${auth}`)).toBe(true);
    expect(other.headers.map(({ authorization }) => authorization).filter(Boolean)).toEqual([]);

    const asking = challenge(`Bearer realm="http://${registry.host}/token",service="x"`);
    registry.behaviour = async (request, response) => {
      if (!request.url?.startsWith('/token')) return asking(request, response);
      response.writeHead(307, { Location: `${elsewhere}/steal` }).end();
      return true;
    };
    expect(await pullAs(identity)).toContain('refusing to repeat a secret to another host');
    expect(other.requests.filter(request => request.includes('steal'))).toEqual([]);

    other.behaviour = when(at('/inner'), response => response.end('what only this host is told'));
    registry.behaviour = challenge(`Bearer realm="${elsewhere}/inner"`);
    expect(await pullAs({})).toMatch(
      /unable to decode token response: invalid character 'w' looking for beginning of value\n$/,
    );
    other.behaviour = when(at('/inner'), response => response.end(JSON.stringify({ token: 'a\r\nX-Evil: 1' })));
    expect(await pullAs({})).toContain('invalid header field value for "Authorization"');
    registry.behaviour = challenge('Bearer realm="file:///etc/passwd"');
    expect(await pullAs({})).toContain('unsupported protocol scheme "file"');
  });

  it('cannot make a list of an image that names itself a million times', async () => {
    const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
    const times = 1000;
    let entry = { mediaType: mediaTypes.dockerManifest as string, digest: image.manifestDigest, size: 1, platform };
    for (let level = 0; level < 3; level++) {
      const mediaType = mediaTypes.ociIndex;
      const document = { schemaVersion: 2, mediaType, manifests: Array.from({ length: times }, () => entry) };
      const digest = registry.addManifest('laughing', document, mediaType);
      entry = { mediaType, digest, size: JSON.stringify(document).length, platform };
    }
    await host.engine.docker('pull', '-q', name('laughing'));
    const tree = await host.engine.docker('images', '--tree');
    expect(tree.split('\n').length).toBeLessThan(2 * times);
    await host.engine.docker('save', '-o', join(folder, 'saved.tar'), name('laughing'));
    await host.engine.docker('push', '-q', name('laughing')).catch(() => undefined); // this registry takes nothing
    await host.engine.docker('rmi', name('laughing'));
  });

  it('cannot leave an image behind that stands in the way of the others', async () => {
    registry.behaviour = when(at('/tags/list'), response => response.end('{"tags":["latest","not a tag"]}'));
    expect((await pull('-a', '-q', `${registry.host}/app`)).stderr).toContain('invalid tag format');
    const deep = '['.repeat(500_000) + ']'.repeat(500_000);
    for (const [tag, words] of Object.entries({
      deep: `"created":"2026-01-02T03:04:05Z","config":{},"more":${deep}`,
      timeless: '"created":"yesterday","config":{"Labels":{"__proto__":"x"}}',
      long: `"created":"2026-01-02T03:04:05Z","config":{"Env":["A=${'x'.repeat(4 << 20)}"]}`,
    })) {
      registry.behaviour = () => false;
      await registerWith(registry, { tag, words, layer: image.layers[0] });
      const { code } = await pull('-q', name(tag));
      const asked = [['images'], ['images', '--tree'], ['history', name(tag)], ['image', 'inspect', name(tag)]];
      for (const words of [
        ...asked,
        ['create', name(tag), 'true'],
        ['save', '-o', join(folder, 'saved.tar'), name(tag)],
      ]) {
        const answer = await host.engine.tryDocker(words);
        if (words[0] === 'images') expect(answer).toMatchObject({ code: 0 });
      }
      if (code === 0) await host.engine.docker('rmi', '-f', name(tag));
    }
    expect(await host.engine.docker('run', '--rm', '--network', 'none', 'busybox', 'echo', 'fine')).toBe('fine\n');
  });
});

/** An image of one layer whose configuration says what is given. */
async function registerWith(
  registry: FakeRegistry,
  { tag, words, layer }: { tag: string; words: string; layer: PushedImage['layers'][number] | undefined },
): Promise<void> {
  if (!layer) throw new Error('no layer');
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const rootfs = `{"type":"layers","diff_ids":["${layer.diffId}"]}`;
  const config = Buffer.from(`{"architecture":"${architecture}","os":"linux",${words},"rootfs":${rootfs}}`);
  const { digest, packed } = layer;
  const mediaType = mediaTypes.dockerManifest;
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: mediaTypes.dockerConfig, digest: registry.addBlob(config), size: config.length },
    layers: [{ mediaType: mediaTypes.dockerLayerGzip, digest, size: packed.length }],
  };
  registry.addManifest(tag, manifest, mediaType);
}
