import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeRegistry, type PushedImage, refuse } from '../../fakes/fake-registry.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/registry.ts';
import { assertNoTrace, whyNot } from './faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const layerBytes = 8 << 20;

describe.skipIf(reason)('a registry that fails', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  let registry: FakeRegistry;
  let image: PushedImage;
  let name: string;
  let tags = 0;

  beforeAll(async () => {
    engine = await startNativeEngine({ 'max-download-attempts': 2 });
  });
  afterAll(async () => {
    await engine.stop();
    await assertNoTrace(engine);
  });
  beforeEach(async () => {
    registry = await FakeRegistry.start();
    const tag = `t${++tags}`;
    image = await registry.addImage(tag, [{ noise: randomBytes(layerBytes) }, { tag }]);
    name = `${registry.host}/app:${tag}`;
    return () => registry.stop();
  });

  const bigLayer = (): Buffer => image.layers[0]?.packed ?? Buffer.alloc(0);
  /** What `answer` makes of the big layer; everything else is as it should be. */
  const spoil = (answer: (response: ServerResponse, bytes: Buffer) => void): void => {
    registry.behaviour = (request, response) => {
      if (request.method !== 'GET' || !request.url?.endsWith(image.layers[0]?.digest ?? '')) return false;
      const bytes = bigLayer();
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length });
      answer(response, bytes);
      return true;
    };
  };
  async function refused(words: string): Promise<void> {
    const { code, stderr } = await engine.tryDocker(['pull', name]);
    expect(stderr).toContain(words);
    expect(code).toBe(1);
    expect(await engine.docker('images', '-aq')).toBe('');
    expect(readdirSync(join(engine.root, 'snapshots/layers')).filter(entry => entry.startsWith('.'))).toEqual([]);
  }
  async function worksNow(): Promise<void> {
    registry.behaviour = () => false;
    await engine.docker('pull', '-q', name);
    expect((await engine.docker('images', '-q', '--no-trunc')).trim()).toBe(image.id);
    await engine.docker('rmi', name);
    expect(readdirSync(join(engine.root, 'content/ingest'))).toEqual([]);
  }
  /** Where the next request for the big layer began. */
  const resumedAt = (): number[] =>
    registry.requests.flatMap(request => {
      const [, start] = /^GET .*bytes=(\d+)-$/.exec(request) ?? [];
      return start ? [Number(start)] : [];
    });

  it('that is down is named', async () => {
    const port = await freePort();
    const { code, stderr } = await engine.tryDocker(['pull', `localhost:${port}/app`]);
    expect(stderr).toContain(`dial tcp 127.0.0.1:${port}: connect: connection refused`);
    expect(code).toBe(1);
  });

  it('by sending other bytes is not believed', async () => {
    spoil((response, bytes) => response.end(Buffer.concat([bytes.subarray(0, -1), Buffer.from([1])])));
    await refused(`filesystem layer verification failed for digest ${image.layers[0]?.digest}`);
    const [bad, good] = image.layers.map(({ digest }) => `${digest.slice('sha256:'.length)}.partial`);
    const kept = readdirSync(join(engine.root, 'content/ingest'));
    expect(kept).not.toContain(bad);
    expect(kept.filter(partial => partial !== good)).toEqual([]);
    await worksNow();
  });

  it.each([
    ['more', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)]), 'filesystem layer verification failed'],
    ['fewer', (bytes: Buffer) => bytes.subarray(0, -1), 'unexpected EOF'],
  ])('by sending %s bytes than its manifest says is not believed', async (_what, spoiled, words) => {
    registry.behaviour = (request, response) => {
      if (request.method !== 'GET' || !request.url?.endsWith(image.layers[0]?.digest ?? '')) return false;
      response.end(request.headers.range ? '' : spoiled(bigLayer()));
      return true;
    };
    await refused(words);
    await worksNow();
  });

  it.each([429, 503])('by being busy (%d) is asked again when it wants to be', async status => {
    const asked: number[] = [];
    registry.behaviour = (request, response) => {
      if (request.method !== 'GET' || !request.url?.endsWith(image.layers[0]?.digest ?? '')) return false;
      if (asked.push(performance.now()) > 1) return false;
      response.writeHead(status, { 'Retry-After': '2' }).end();
      return true;
    };
    await engine.docker('pull', '-q', name);
    const [first = 0, second = 0] = asked;
    expect(second - first).toBeGreaterThan(1900);
    await worksNow();
  });

  it('by being busy for ever is given up, and says so', async () => {
    registry.behaviour = (request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      refuse(response, 429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit.');
      return true;
    };
    await refused('toomanyrequests: You have reached your pull rate limit.');
    await worksNow();
  });

  it('by stopping in the middle is tried again, and goes on from there the next time', async () => {
    spoil((response, bytes) => response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy()));
    await refused('unexpected EOF');
    const before = registry.requests.length;
    await worksNow();
    expect(resumedAt().length).toBeGreaterThan(0);
    expect(registry.requests.slice(before).filter(request => request.includes('/blobs/'))).toHaveLength(1);
  });

  it('by being slow can be given up with Ctrl-C, and goes on from there the next time', async () => {
    const half = bigLayer().length >> 1;
    const serving = new Promise<ServerResponse>(resolve =>
      spoil((response, bytes) => response.write(bytes.subarray(0, half), () => resolve(response))),
    );
    const pull = spawn('docker', ['-H', `unix://${engine.socket}`, 'pull', name], { stdio: 'ignore' });
    const response = await serving;
    const ingests = join(engine.root, 'content/ingest');
    const arrived = (): number => Math.max(0, ...readdirSync(ingests).map(file => statSync(join(ingests, file)).size));
    await eventually('bytes are on the disk', () => arrived() > half / 2);
    const hungUp = once(response, 'close');
    pull.kill('SIGINT');
    const [code, signal] = await once(pull, 'exit');
    expect([code, signal]).not.toEqual([0, null]);
    await hungUp;
    expect(await engine.docker('images', '-aq')).toBe('');
    await worksNow();
    expect(resumedAt()[0]).toBeGreaterThan(half / 2);
  });

  it('in the middle of two pulls of the same image fails both, and once', async () => {
    const bothAsked = eventually('both pulls have begun', () => registry.count('HEAD /v2/app/manifests/') >= 2);
    spoil(response => {
      response.flushHeaders();
      void bothAsked.then(() => response.destroy());
    });
    const results = await Promise.all([engine.tryDocker(['pull', name]), engine.tryDocker(['pull', name])]);
    expect(results.map(({ code }) => code)).toEqual([1, 1]);
    expect(registry.count(`GET /v2/app/blobs/${image.layers[0]?.digest}`)).toBe(2);
    await worksNow();
  });
});
