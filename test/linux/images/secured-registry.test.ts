import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates } from '../../support/certificates.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';
import { freePort, startRegistry } from '../../support/registry.ts';
import { startTokenServer } from '../../support/token-server.ts';
import { canRun } from '../archive/fixture.ts';

const user = { name: 'ann', password: 'secret' };

describe.skipIf(!canRun)('a registry that asks who we are', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-secured-'));
  const at = (name: string): string => join(folder, name);
  let engine: NativeEngine;

  beforeAll(async () => {
    await makeCertificates(folder, 'DNS:localhost,IP:127.0.0.1');
    engine = await startNativeEngine();
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  });
  afterAll(async () => {
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The engine's `certs.d` beside its configuration, and for a tool beside it. */
  const trust = (host: string, ...files: [from: string, to: string][]): string => {
    const trusted = join(dirname(engine.socket), 'certs.d', host);
    mkdirSync(trusted, { recursive: true });
    for (const [from, to] of files) cpSync(at(from), join(trusted, to));
    return trusted;
  };
  /** Pushes, forgets, pulls and runs an image. */
  const goesAndComes = async (name: string): Promise<void> => {
    await engine.docker('tag', 'busybox', name);
    await engine.docker('push', '-q', name);
    await engine.docker('rmi', name);
    await engine.docker('pull', '-q', name);
    expect(await engine.docker('run', '--rm', '--network', 'none', name, 'echo', 'here')).toBe('here\n');
    await engine.docker('rmi', name);
  };
  const login = (host: string, password: string) =>
    engine.tryDocker(['login', '-u', user.name, '--password-stdin', host], {
      input: password,
      env: { DOCKER_CONFIG: at('docker-config') },
    });

  it('by TLS with an authority of its own, by our certificate, and by a password', async () => {
    const port = await freePort();
    const host = `127.0.0.1:${port}`;
    const tls = { certificate: at('server.cert'), key: at('server.key'), clients: at('ca.crt') };
    const registry = await startRegistry([], { user, port, tls });
    process.env.DOCKER_CONFIG = at('docker-config');
    try {
      expect((await login(host, user.password)).code).toBe(1);
      const folderOfHost = trust(host, ['ca.crt', 'ca.crt']);
      expect((await login(host, user.password)).code).toBe(1);
      trust(host, ['client.cert', 'client.cert'], ['client.key', 'client.key']);
      expect((await login(host, 'wrong')).stderr).toContain('401 Unauthorized');
      expect((await login(host, user.password)).stdout).toContain('Login Succeeded');
      await goesAndComes(`${host}/team/app:1`);
      const skopeo = ['inspect', '--cert-dir', folderOfHost, '--creds', `${user.name}:${user.password}`];
      expect(execFileSync('skopeo', [...skopeo, `docker://${host}/team/app:1`]).toString()).toContain('sha256:');
    } finally {
      delete process.env.DOCKER_CONFIG;
      await registry.stop();
    }
  });

  it('by tokens of a server beside it', async () => {
    const options = { key: at('server.key'), certificate: at('server.cert'), user, life: 300 };
    const tokens = await startTokenServer(options);
    const registry = await startRegistry([], { tokens: { url: tokens.url, certificate: at('server.cert') } });
    process.env.DOCKER_CONFIG = at('docker-config');
    try {
      const { host } = registry;
      await engine.docker('tag', 'busybox', `${host}/a:1`);
      expect((await engine.tryDocker(['push', `${host}/a:1`])).stderr).toMatch(/unauthorized|denied/);
      expect((await login(host, 'wrong')).code).toBe(1);
      expect((await login(host, user.password)).stdout).toContain('Login Succeeded');
      await goesAndComes(`${host}/team/app:1`);
      await goesAndComes(`${host}/other/app:1`);
      expect(tokens.given()).toBeGreaterThan(4);
      const { auths } = JSON.parse(readFileSync(at('docker-config/config.json'), 'utf8'));
      expect(auths[host].identitytoken).toMatch(/^[\w-]{36}$/);
      expect(Buffer.from(auths[host].auth, 'base64').toString()).toBe(`${user.name}:`); // the password is kept nowhere
      expect(tokens.renewed()).toBeGreaterThan(3);
    } finally {
      delete process.env.DOCKER_CONFIG;
      await registry.stop();
      await tokens.stop();
    }
  });
});
