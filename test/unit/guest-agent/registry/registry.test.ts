import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import type { Digest } from '../../../../contracts/oci/digest.ts';
import { parseReference } from '../../../../contracts/oci/reference.ts';
import { openRegistry, type Registry, type RegistryOptions } from '../../../../guest-agent/registry/index.ts';
import { type Behaviour, FakeRegistry, refuse } from '../../../fakes/fake-registry.ts';
import { FakeUploads } from '../../../fakes/fake-uploads.ts';
import { freePort } from '../../../support/registry.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const signal = new AbortController().signal;
const log = createLog({ level: 'error' });

describe('registry', () => {
  let server: FakeRegistry;
  let other: FakeRegistry;
  const opened: Registry[] = [];
  const open = (options: Partial<RegistryOptions> = {}): Registry => {
    const registry = openRegistry({ log, ...options });
    opened.push(registry);
    return registry;
  };
  const app = () => parseReference(`${server.host}/app:latest`);
  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'no error',
      error => error.message,
    );

  beforeEach(async () => {
    server = await FakeRegistry.start();
    other = await FakeRegistry.start();
  });
  afterEach(async () => {
    for (const registry of opened.splice(0)) registry.close();
    await server.stop();
    await other.stop();
  });

  /** Docker Hub's way: a token for each repository, from elsewhere. */
  function demandTokens(life: { seconds: number }): { tokens: () => number } {
    let issued = 0;
    other.behaviour = (request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://x');
      if (
        request.method === 'GET' &&
        request.headers.authorization &&
        request.headers.authorization !== basic('ann:secret')
      ) {
        response.writeHead(401);
        response.end(JSON.stringify({ details: 'incorrect username or password' }));
        return true;
      }
      const token = `${searchParams.get('scope')} ${++issued}`;
      const more = searchParams.has('offline_token') ? { refresh_token: 'again' } : {};
      response.end(JSON.stringify({ token, expires_in: life.seconds, ...more }));
      return true;
    };
    const challenge = `Bearer realm="http://${other.host}/token",service="hub",scope="repository:app:pull"`;
    server.behaviour = (request, response) => {
      const isCurrent = request.headers.authorization?.endsWith(` ${issued}`) ?? false;
      if (isCurrent && issued > 0) return false;
      response.setHeader('WWW-Authenticate', challenge);
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
      return true;
    };
    return { tokens: () => issued };
  }

  const demandBasic: Behaviour = (request, response) => {
    if (request.headers.authorization === basic('ann:secret')) return false;
    response.setHeader('WWW-Authenticate', 'Basic realm="x"');
    refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
    return true;
  };

  it('fetches a token for the repository, and a new one when the registry wants it', async () => {
    const { tokens } = demandTokens({ seconds: 300 });
    const pushed = await server.addImage('latest', [{ a: 'one' }]);
    const repository = open().repository(app(), {});
    const { descriptor } = await repository.resolve(app(), signal);
    expect(descriptor.digest).toBe(pushed.manifestDigest);
    await repository.manifest(descriptor.digest, signal);
    expect(tokens()).toBe(1);
    expect(other.requests[0]).toBe('GET /token?scope=repository%3Aapp%3Apull&service=hub');
    server.behaviour = (old => {
      let refused = false;
      return (request, response) => {
        if (refused) return old(request, response);
        refused = true;
        response.setHeader('WWW-Authenticate', `Bearer realm="http://${other.host}/token",error="invalid_token"`);
        refuse(response, 401, 'UNAUTHORIZED');
        return true;
      };
    })(server.behaviour);
    await repository.manifest(descriptor.digest, signal);
    expect(tokens()).toBe(2);
  });

  it('renews a token before it runs out', async () => {
    const { tokens } = demandTokens({ seconds: 300 });
    await server.addImage('latest', [{ a: 'one' }]);
    const repository = open().repository(app(), { username: 'ann', password: 'secret' });
    const { descriptor } = await repository.resolve(app(), signal);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 299_000 });
    onTestFinished(() => void vi.useRealTimers());
    await repository.manifest(descriptor.digest, signal);
    expect(tokens()).toBe(2);
    expect(other.requests[1]).toMatch(/^POST \/token/); // by the refresh token, not the password
  });

  it('identifies itself by basic authorization', async () => {
    await server.addImage('latest', [{ a: 'one' }]);
    server.behaviour = demandBasic;
    const known = open().repository(app(), { auth: Buffer.from('ann:secret').toString('base64') });
    expect((await known.resolve(app(), signal)).descriptor.size).toBeGreaterThan(0);
    expect(await failure(open().repository(app(), {}).resolve(app(), signal))).toBe(
      `Head "http://${server.host}/v2/app/manifests/latest": no basic auth credentials`,
    );
    expect(await failure(open().repository(app(), { username: 'x', password: 'y' }).resolve(app(), signal))).toBe(
      'unauthorized: authentication required',
    );
  });

  it('does not carry its authorization to another host', async () => {
    server.behaviour = (request, response) => {
      if (demandBasic(request, response)) return true;
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(307, { Location: `http://${other.host}${request.url}` });
      response.end();
      return true;
    };
    const digest = other.addBlob(Buffer.from('0123456789')) as Digest;
    const repository = open().repository(app(), { username: 'ann', password: 'secret' });
    const { offset, stream } = await repository.blob(digest, 4, signal);
    expect(offset).toBe(4);
    expect(Buffer.concat(await stream.toArray()).toString()).toBe('456789');
    expect(other.headers[0]).not.toHaveProperty('authorization');
    expect(other.headers[0]).toMatchObject({ range: 'bytes=4-' });
  });

  it('asks a mirror of Docker Hub first, without credentials, and takes manifests only by their digest', async () => {
    const pushed = await server.addImage('latest', [{ a: 'one' }]);
    const registry = open({ mirrors: [`http://${other.host}`, `http://${server.host}/`] });
    const reference = parseReference('busybox:latest');
    const repository = registry.repository(reference, { username: 'ann', password: 'secret' });
    const { descriptor } = await repository.resolve(reference, signal);
    expect(descriptor.digest).toBe(pushed.manifestDigest);
    expect(server.requests.slice(0, 2)).toEqual(['GET /v2/', 'GET /v2/library/busybox/manifests/latest']);
    expect(server.headers.some(headers => headers.authorization)).toBe(false);
    const kept = server.manifests.get(descriptor.digest);
    if (kept) kept.body = Buffer.from('{}');
    const asked = server.requests.length;
    for (let times = 0; times < 2; times++) await failure(repository.manifest(descriptor.digest, signal));
    expect(server.requests.length).toBe(asked + 1); // what lies is asked no more
  });

  it('takes of a registry only what its digest says', async () => {
    const { manifestDigest } = await server.addImage('latest', [{ a: 'one' }]);
    const kept = server.manifests.get(manifestDigest);
    if (kept) kept.body = Buffer.from('{}');
    expect(
      await failure(
        open()
          .repository(app())
          .manifest(manifestDigest as Digest, signal),
      ),
    ).toBe(`manifest verification failed for digest ${manifestDigest}`);
  });

  it('goes on from a mirror that says nothing, or something else than the manifest that it promises', async () => {
    const pushed = await server.addImage('latest', [{ a: 'one' }]);
    const registry = open({ mirrors: [`http://${other.host}`, `http://${server.host}/`], idleTimeoutMs: 50 });
    const reference = parseReference('busybox:latest');
    const resolved = async () => (await registry.repository(reference).resolve(reference, signal)).descriptor.digest;
    other.behaviour = () => true;
    expect(await resolved()).toBe(pushed.manifestDigest);
    for (const headers of [
      { 'Content-Type': 'text/html' },
      { 'Content-Type': server.manifests.get('latest')?.mediaType ?? '', 'Docker-Content-Digest': pushed.id },
    ]) {
      other.behaviour = (request, response) => {
        if (request.url === '/v2/') return false;
        response.writeHead(200, headers).end('{}');
        return true;
      };
      expect(await resolved()).toBe(pushed.manifestDigest);
    }
  });

  it('is redirected as Go is: other questions than the same again become a plain one', async () => {
    const seen: string[] = [];
    server.behaviour = (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['content-length'] ?? 0}`);
      const [, status] = /^\/(\d+)$/.exec(request.url ?? '') ?? [];
      if (status) response.writeHead(Number(status), { Location: '/end' }).end();
      else response.end();
      return true;
    };
    const ask = async (method: 'GET' | 'HEAD' | 'POST' | 'PUT', status: number): Promise<string | undefined> => {
      const url = `http://${server.host}/${status}`;
      const answer = await open().request({
        method,
        url,
        body: method === 'GET' ? undefined : 'xy',
        insecure: true,
        signal,
      });
      answer.resume();
      return seen.at(-1);
    };
    expect(await ask('POST', 302)).toBe('GET /end 0');
    expect(await ask('HEAD', 303)).toBe('HEAD /end 0');
    expect(await ask('PUT', 307)).toBe('PUT /end 2');
    const secure = open().request({ method: 'GET', url: `http://${server.host}/301`, insecure: false, signal });
    await expect(secure).rejects.toThrow('refusing a redirect to plain HTTP');
  });

  it('asks for leave to write, and to read where a layer may be mounted from', async () => {
    const uploads = new FakeUploads(server);
    uploads.generous.add('base');
    const serve = server.behaviour;
    demandTokens({ seconds: 300 });
    const guard = server.behaviour;
    server.behaviour = async (request, response) => (await guard(request, response)) || serve(request, response);
    const repository = open().repository(app(), {}, 'push');
    const digest = `sha256:${'a'.repeat(64)}` as Digest;
    expect(await repository.mount(digest, 'base', signal)).toBe(true);
    expect(await repository.mount(digest, 'stingy', signal)).toBe(false);
    expect(server.count('DELETE')).toBe(1);
    expect(
      other.requests.map(request => new URL(request.split(' ')[1] ?? '', 'http://x').searchParams.getAll('scope')),
    ).toContainEqual(['repository:app:pull,push', 'repository:base:pull']);
  });

  it('goes on to the next mirror when one has not all that it has a manifest for', async () => {
    const pushed = await server.addImage('latest', [{ a: 'one' }]);
    await other.addImage('latest', [{ a: 'one' }]);
    const [layer] = pushed.layers;
    const digest = layer?.digest as Digest;
    server.blobs.delete(digest);
    const repository = open({ mirrors: [`http://${server.host}`, `http://${other.host}`] }).repository(
      parseReference('app'),
    );
    const { descriptor } = await repository.resolve(parseReference('app:latest'), signal);
    expect(descriptor.digest).toBe(pushed.manifestDigest);
    expect(other.requests).toEqual([]);
    const { stream } = await repository.blob(digest, 0, signal);
    expect(Buffer.concat(await stream.toArray())).toEqual(layer?.packed);
    await repository.manifest(pushed.manifestDigest as Digest, signal);
    expect(server.count('GET /v2/library/app/manifests')).toBe(1); // only when it was resolved
  });

  it('asks once more where a kept connection was closed just as it was used again', async () => {
    const pushed = await server.addImage('latest', [{ a: 'one' }]);
    const seen = new WeakSet<object>();
    server.behaviour = ({ socket }) => {
      const isUsed = seen.has(socket);
      seen.add(socket);
      if (isUsed) socket.destroy();
      return isUsed;
    };
    const repository = open().repository(app(), {});
    const { descriptor } = await repository.resolve(app(), signal);
    expect(descriptor.digest).toBe(pushed.manifestDigest);
    await repository.manifest(descriptor.digest, signal);
    server.behaviour = (_request, response) => {
      response.destroy();
      return true;
    };
    expect(await failure(repository.manifest(descriptor.digest, signal))).toMatch(/: EOF$/);
  });

  it('goes through a proxy where the environment says so', async () => {
    const proxied: string[] = [];
    other.behaviour = (request, response) => {
      proxied.push(request.url ?? '');
      refuse(response, 404, 'NAME_UNKNOWN');
      return true;
    };
    const registry = open({ proxies: { httpProxy: `http://${other.host}` }, insecureRegistries: ['registry.invalid'] });
    const reference = parseReference('registry.invalid/app:latest');
    await failure(registry.repository(reference, {}).resolve(reference, signal));
    expect(proxied[0]).toBe('http://registry.invalid/v2/');
  });

  it('lists tags page by page, and nothing else that is said for them', async () => {
    const pages: Record<string, object> = { '': { tags: ['a', 'b'] }, b: { tags: ['c'] } };
    server.behaviour = (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      if (!url.pathname.endsWith('/app/tags/list')) return false;
      const last = url.searchParams.get('last') ?? '';
      if (last === '') response.setHeader('Link', '</v2/app/tags/list?last=b&n=2>; rel="next"');
      response.end(JSON.stringify(pages[last]));
      return true;
    };
    expect(await open().repository(app(), {}).tags(signal)).toEqual(['a', 'b', 'c']);
    pages[''] = { tags: null };
    expect(await open().repository(app(), {}).tags(signal)).toEqual([]);
    pages[''] = { tags: 'x' };
    await expect(open().repository(app(), {}).tags(signal)).rejects.toThrow('something else than tags');
  });

  it('searches where a registry offers that, and says which does not answer', async () => {
    server.behaviour = (request, response) => {
      if (request.url?.startsWith('/v1/_ping')) response.end('{}');
      else if (request.url?.startsWith('/v1/search')) {
        response.end(JSON.stringify({ results: [{ name: 'one', star_count: 5, is_official: true }] }));
      } else return false;
      return true;
    };
    const options = { limit: 7, signal };
    expect(await open().search(`${server.host}/some thing`, options)).toEqual([
      { name: 'one', description: '', star_count: 5, is_official: true, is_automated: false },
    ]);
    expect(server.requests.at(-1)).toBe('GET /v1/search?q=some+thing&n=7');
    server.behaviour = () => false;
    await expect(open().search(`${server.host}/x`, options)).rejects.toThrow('Unexpected status code 404');
    await expect(open().search('https://x', options)).rejects.toThrow('should not have a scheme');
    const nobody = `127.0.0.1:${await freePort()}`;
    await expect(open().search(`${nobody}/x`, options)).rejects.toThrow(
      `invalid registry endpoint "http://${nobody}/v1/". HTTPS attempt: Get "https://${nobody}/v1/_ping": dial tcp`,
    );
  });

  it('logs in', async () => {
    server.behaviour = demandBasic;
    const login = (username: string, password: string) =>
      open().login({ username, password, serveraddress: server.host });
    expect(await login('ann', 'secret')).toEqual({ Status: 'Login Succeeded', IdentityToken: '' });
    await expect(login('ann', 'wrong')).rejects.toMatchObject({
      kind: 'unauthorized',
      message: `login attempt to http://${server.host}/v2/ failed with status: 401 Unauthorized`,
    });
    demandTokens({ seconds: 60 });
    expect(await login('ann', 'secret')).toEqual({ Status: 'Login Succeeded', IdentityToken: 'again' });
    await expect(login('ann', 'wrong')).rejects.toMatchObject({
      kind: 'unauthorized',
      message: `Get "http://${server.host}/v2/": unauthorized: incorrect username or password`,
    });
    expect(await failure(open().login({ serveraddress: '127.0.0.1:1' }))).toBe(
      'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });
});
