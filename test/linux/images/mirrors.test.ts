import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Behaviour, FakeRegistry, refuse } from '../../fakes/fake-registry.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { type ForwardProxy, startForwardProxy } from '../../support/forward-proxy.ts';
import { busyboxArchive } from '../../support/images.ts';
import { freePort, type Registry, startRegistry } from '../../support/registry.ts';
import { canRun } from '../archive/fixture.ts';

/** Two mirrors of Docker Hub, and a proxy behind which Docker Hub itself is a registry of Debian's. */
describe.skipIf(!canRun)('mirrors and proxies', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-mirrors-'));
  const at = (name: string): string => join(folder, name);
  const hub = 'registry-1.docker.io';
  let engine: NativeEngine;
  let origin: Registry;
  let plain: Registry;
  let proxy: ForwardProxy;
  let first: FakeRegistry;
  let second: FakeRegistry;

  beforeAll(async () => {
    await makeCertificates(folder, `DNS:${hub},DNS:localhost`);
    const tls = { certificate: at('server.cert'), key: at('server.key') };
    const archive = await busyboxArchive();
    [origin, plain, first, second] = await Promise.all([
      startRegistry([], { tls, port: await freePort() }),
      startRegistry(),
      FakeRegistry.start(),
      FakeRegistry.start(),
    ]);
    for (const tag of ['app', 'busybox']) await origin.push(archive, `library/${tag}:latest`);
    await plain.push(archive, 'app:1');
    proxy = await startForwardProxy({ [`${hub}:443`]: origin.port, 'registry.invalid:5000': plain.port });
    const settings = {
      'registry-mirrors': [`http://${first.host}`, `http://${second.host}`],
      'max-download-attempts': 1,
      'insecure-registries': ['registry.invalid:5000', 'spared.invalid:5000'],
    };
    const env = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url, NO_PROXY: 'spared.invalid' };
    engine = await startNativeEngine(settings, { env });
    const trusted = join(dirname(engine.socket), 'certs.d', hub); // the port of HTTPS goes without saying
    mkdirSync(trusted, { recursive: true });
    await cp(at('ca.crt'), join(trusted, 'ca.crt'));
  });
  beforeEach(() => {
    for (const mirror of [first, second]) {
      mirror.behaviour = () => false;
      mirror.manifests.clear();
      mirror.blobs.clear();
      mirror.requests.splice(0);
    }
    proxy.asked.splice(0);
  });
  afterAll(async () => {
    await engine?.stop();
    await Promise.all([origin, plain, proxy, first, second].map(server => server?.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  const pulled = async (name: string): Promise<string> => {
    await engine.docker('pull', '-q', name);
    const id = (await engine.docker('image', 'inspect', '-f', '{{.Id}}', name)).trim();
    await engine.docker('rmi', name);
    return id;
  };
  /** So it answers whatever is asked for below that path. */
  const answering =
    (below: string, answer: (response: ServerResponse) => void): Behaviour =>
    ({ url = '' }, response) => {
      if (url.includes(below)) answer(response);
      return url.includes(below);
    };

  it('are asked in their order, and then Docker Hub itself, through the proxy and by its own certificate', async () => {
    const { id } = await second.addImage('latest', [{ from: 'the second' }]);
    expect(await pulled('app')).toBe(id);
    expect(first.requests).toEqual(['GET /v2/', 'GET /v2/library/app/manifests/latest']);
    expect(proxy.asked).toEqual([]);
    second.manifests.clear();
    expect(await pulled('app')).not.toBe(id);
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${hub}:443`]));
    expect(first.headers.some(headers => headers.authorization)).toBe(false);
  });

  it.each<[string, Behaviour]>([
    ['is broken', answering('/v2/', response => refuse(response, 500, 'UNKNOWN'))],
    ['hangs up', answering('/v2/', response => response.destroy())],
    ['wants to know who we are', answering('/v2/', response => response.writeHead(401).end())],
    ['has a page for everything', answering('/manifests/', response => response.end('<html>hello</html>'))],
    ['has no layers', answering('/blobs/', response => refuse(response, 404, 'BLOB_UNKNOWN'))],
    ['has other bytes', answering('/blobs/', response => response.end('something else altogether'))],
    ['has too many bytes', answering('/blobs/', response => response.end(Buffer.alloc(1 << 20)))],
  ])('that %s is passed over', async (_what, behaviour) => {
    const { id } = await second.addImage('latest', [{ from: 'the second' }]);
    await first.addImage('latest', [{ from: 'the second' }]);
    first.behaviour = behaviour;
    expect(await pulled('app')).toBe(id);
    expect(second.requests.length).toBeGreaterThan(0);
    expect(proxy.asked).toEqual([]);
  });

  it('serve plain HTTP through a proxy too, but for whom that is not wanted', async () => {
    expect(await pulled('registry.invalid:5000/app:1')).toMatch(/^sha256:/);
    expect(proxy.asked).toContain('GET http://registry.invalid:5000/v2/');
    proxy.asked.splice(0);
    const { stderr } = await engine.tryDocker(['pull', 'spared.invalid:5000/app']);
    expect(stderr).toContain('lookup spared.invalid');
    expect(proxy.asked).toEqual([]);
    const info = await engine.docker('info', '--format', '{{.HTTPProxy}} {{.NoProxy}} {{.RegistryConfig.Mirrors}}');
    expect(info).toContain(`spared.invalid [http://${first.host}/ http://${second.host}/]`);
    expect(info).not.toContain('secret');
  });
});
