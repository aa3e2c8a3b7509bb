import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Dashboard, serveDashboard } from '../../../../src/dashboard/index.ts';

let folder: string;
let dashboard: Dashboard;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-page-'));
  await writeFile(join(folder, 'index.html'), '<p>the window</p>');
  dashboard = await serveDashboard(folder, { calls: {}, streams: {} } as never);
});
afterAll(async () => {
  await dashboard.close();
  await rm(folder, { recursive: true });
});

const origin = (): string => `http://127.0.0.1:${dashboard.port}`;

/** The head of the answer to a request that no browser would write. */
async function askRaw(request: string, reset = false): Promise<string> {
  const socket = connect(dashboard.port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on('error', () => resolve(''));
  socket.once('data', data => resolve(String(data).split('\r\n\r\n')[0] ?? ''));
  socket.once('close', () => resolve(''));
  socket.write(request);
  if (reset) socket.resetAndDestroy();
  const head = await promise;
  socket.destroy();
  return head;
}

const raw = (target: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${dashboard.port}\r\n${more}\r\n`;

/** As a browser that was given an address: its cookie, and the key in its page. */
async function enter(): Promise<{ cookie: string; key: string; location: string }> {
  const answer = await fetch(dashboard.newAddress(), { redirect: 'manual' });
  const location = answer.headers.get('location') ?? '';
  return {
    cookie: answer.headers.getSetCookie()[0]?.split(';')[0] ?? '',
    key: location.split('#key=')[1] ?? '',
    location,
  };
}

async function bridgeOpens(protocols: string[], headers: Record<string, string>): Promise<boolean> {
  const socket = new WebSocket(`ws://127.0.0.1:${dashboard.port}/bridge`, protocols, { headers });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('open', () => resolve(true));
  socket.once('error', () => resolve(false));
  const opens = await promise;
  if (opens) expect(socket.protocol).toBe('berth');
  socket.terminate();
  return opens;
}

describe('who asks the dashboard', () => {
  test('the page gets in by its key; the cookie, which every port of this computer is sent, opens nothing by itself', async () => {
    const { cookie, key } = await enter();
    const headers = { cookie, origin: origin() };
    expect(await bridgeOpens(['berth', key], headers)).toBe(true);
    expect(await bridgeOpens(['berth'], headers)).toBe(false);
    expect(await bridgeOpens(['berth', `${key}x`], headers)).toBe(false);
    expect(await bridgeOpens(['berth', key], { origin: origin() })).toBe(false);
    expect(await bridgeOpens(['berth', key], { cookie, origin: 'http://127.0.0.1:8080' })).toBe(false);
    expect(await bridgeOpens(['berth', key], { cookie, origin: 'null' })).toBe(false);
  });

  test('a token leads to the page it was asked with, and to no other host', async () => {
    const token = new URL(dashboard.newAddress()).searchParams.get('token');
    expect(await askRaw(raw(`/.//evil.example/?token=${token}`))).toMatch(/^location: \/evil\.example\/#key=/m);
  });

  test('another name, another method and a token of nobody are refused', async () => {
    const { cookie } = await enter();
    const statusOf = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(`${origin()}${path}`, { redirect: 'manual', ...init })).status;
    expect(await askRaw('GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n')).toContain('421');
    expect(await statusOf('/', { method: 'POST', headers: { cookie } })).toBe(405);
    expect(await statusOf('/?token=wrong')).toBe(401);
    expect(await statusOf('/')).toBe(401);
    expect(await statusOf('/', { headers: { cookie } })).toBe(200);
    expect(await statusOf('/../package.json', { headers: { cookie } })).toBe(404);
  });

  test('what is no address, and who hangs up on a refusal, harm nobody', async () => {
    expect(await askRaw(raw('//'))).toContain('400');
    expect(await askRaw(raw('http://['))).toContain('400');
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    expect(await askRaw(raw('/bridge', upgrade))).toContain('403');
    for (let time = 0; time < 20; time++) await askRaw(raw('/bridge', upgrade), true);
    expect((await enter()).location).toMatch(/^\/#key=/);
  });
});
