import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { packBytes, type ServerFrame, streamWindow, unpackBytes } from '../../../../contracts/bridge-frames.ts';
import { Access } from '../../../../src/dashboard/access.ts';
import { checkEngineRequest } from '../../../../src/dashboard/engine-routes.ts';
import { type BridgeServers, type Channel, type ServedStream, serveBridge } from '../../../../src/dashboard/index.ts';
import { isMeasured, statsReading } from '../../../../src/dashboard/stats-stream.ts';
import { settled } from '../../../support/eventually.ts';

/** A window whose frames a test writes by hand. */
function openWindow(servers: Partial<BridgeServers['calls'] & BridgeServers['streams']>) {
  const texts: ServerFrame[] = [];
  const bytes: { id: number; bytes: Uint8Array }[] = [];
  const takers: { text?: (line: string) => void; bytes?: (frame: Uint8Array) => void; close?: () => void } = {};
  const channel: Channel = {
    sendText: line => void texts.push(JSON.parse(line)),
    sendBytes: frame => void bytes.push(unpackBytes(frame) ?? { id: -1, bytes: frame }),
    onText: take => {
      takers.text = take;
    },
    onBytes: take => {
      takers.bytes = take;
    },
    onClose: take => {
      takers.close = take;
    },
  };
  serveBridge(channel, { calls: servers, streams: servers } as unknown as BridgeServers);
  return {
    texts,
    bytes,
    send: (frame: object) => takers.text?.(JSON.stringify(frame)),
    sendRaw: (line: string) => takers.text?.(line),
    sendBytes: (id: number, text: string) => takers.bytes?.(packBytes(id, Buffer.from(text))),
    close: () => takers.close?.(),
    answers: async (count: number) => {
      await expect.poll(() => texts.length).toBeGreaterThanOrEqual(count);
      return texts;
    },
  };
}

const terminal = { container: 'c', command: ['sh'], rows: 24, columns: 80 };

describe('calls', () => {
  test('a call is decoded, answered and ended', async () => {
    const window = openWindow({ hostLog: ({ lines }) => ({ text: `${lines} lines` }) });
    window.send({ type: 'call', id: 1, name: 'hostLog', request: { lines: 5 } });
    expect(await window.answers(2)).toEqual([
      { type: 'item', id: 1, item: { text: '5 lines' } },
      { type: 'end', id: 1 },
    ]);
  });

  test.each([
    ['hostLog', { lines: 0 }, 'hostLog.lines must be from 1 to 10000, not 0'],
    ['hostLog', { lines: 5, path: '/etc/shadow' }, 'hostLog knows no path'],
    ['hostLog', {}, 'into Go struct field hostLog.lines of type int64'],
    ['hostLog', undefined, 'the request is missing'],
    ['constructor', {}, 'There is no call constructor'],
    ['composeFile', { path: '/etc/shadow' }, 'composeFile.path is not the path of a compose file'],
    ['composeFile', { path: 'relative/compose.yaml' }, 'composeFile.path is not the path of a compose file'],
    ['composeFile', { path: '/a\n/b.yaml' }, 'composeFile.path is not the path of a compose file'],
    ['logIn', { registry: '--help', user: 'me', secret: 'x' }, 'logIn.registry is not the name of a registry'],
    ['logIn', { registry: 'docker.io', user: '--config=/x', secret: 'x' }, 'logIn.user is not a name'],
    ['logIn', { registry: 'docker.io', user: 'me', secret: 'a\nb' }, 'logIn.secret is not a password'],
    ['logOut', { registry: 'a b' }, 'logOut.registry is not the name of a registry'],
    ['keepBackup', { volume: '../x', folder: '/b', everyHours: 1, keep: 1 }, 'is not the name of a volume'],
    ['keepBackup', { volume: 'x', folder: 'b', everyHours: 1, keep: 1 }, 'is not the path of a folder'],
    ['keepBackup', { volume: 'x', folder: '/b', everyHours: 0, keep: 1 }, 'must be from 1 to 8760'],
    ['changeDesktop', { startsAtLogin: 'yes' }, 'changeDesktop.startsAtLogin must be true or false'],
    [
      'checkCompose',
      { path: '/c.yml', text: 'x'.repeat(1_048_577) },
      'checkCompose.text is not a text of at most 1 MiB',
    ],
  ])('%s with %j is refused', async (name, request, message) => {
    const window = openWindow({ hostLog: () => ({ text: 'must not be asked' }) });
    window.send({ type: 'call', id: 1, name, request });
    const [answer] = await window.answers(1);
    expect(answer).toMatchObject({ type: 'error', error: { message: expect.stringContaining(message) } });
  });

  test('what is no frame is passed over', async () => {
    const window = openWindow({ about: () => ({ version: '1', home: '', dockerHost: '', engine: '', platform: '' }) });
    for (const line of ['', '{', 'null', '[]', '{"type":"call"}', '{"type":"credit","id":9,"bytes":1}'])
      window.sendRaw(line);
    window.sendBytes(77, 'nobody');
    window.send({ type: 'call', id: 2, name: 'about', request: {} });
    expect(await window.answers(2)).toHaveLength(2);
  });
});

describe('streams', () => {
  test.each([
    [{ action: 'exec', project: 'p', files: [], folder: '' }, 'compose.action must be one of up, pull, '],
    [
      { action: 'up', project: '--host=x', files: [], folder: '' },
      'compose.project is not the name of a compose project',
    ],
    [{ action: 'up', project: 'p', files: ['--env-file=/x.yml'], folder: '' }, 'is not the path of a compose file'],
    [{ action: 'up', project: 'p', files: [], folder: '-x' }, 'compose.folder is not the path of a folder'],
  ])('compose with %j is refused', async (request, message) => {
    const window = openWindow({ compose: () => Promise.reject(new Error('must not be asked')) });
    window.send({ type: 'open', id: 1, name: 'compose', request });
    expect(await window.answers(1)).toMatchObject([
      { type: 'error', error: { message: expect.stringContaining(message) } },
    ]);
  });

  test('a window that sends without credit ends its own stream', async () => {
    const window = openWindow({ engine: () => new Promise(() => undefined) });
    window.send({ type: 'open', id: 1, name: 'engine', request: { method: 'POST', path: '/images/load' } });
    for (let part = 0; part < 3; part++) window.sendBytes(1, 'x'.repeat(streamWindow));
    const answers = await window.answers(1);
    expect(answers.at(-1)).toMatchObject({
      type: 'error',
      error: { message: expect.stringContaining('more than it had credit for') },
    });
  });

  test('bytes wait for credit, and go on with it', async () => {
    const part = Buffer.alloc(streamWindow / 2);
    const window = openWindow({
      engine: (_request, stream: ServedStream) => stream.pipe(Readable.from(Array.from({ length: 6 }, () => part))),
    });
    window.send({ type: 'open', id: 1, name: 'engine', request: { method: 'GET', path: '/info' } });
    expect(await settled('parts', () => window.bytes.length)).toBe(2);
    window.send({ type: 'credit', id: 1, bytes: streamWindow });
    expect(await settled('parts', () => window.bytes.length)).toBe(4);
    window.send({ type: 'credit', id: 1, bytes: 3 * streamWindow });
    expect(await window.answers(1)).toEqual([{ type: 'end', id: 1 }]);
    expect(window.bytes).toHaveLength(6);
  });

  test('a terminal takes bytes and sizes; a closed window cancels it', async () => {
    const heard: unknown[] = [];
    const window = openWindow({
      terminal: (_request, stream: ServedStream) => {
        stream.onItem = item => void heard.push(item);
        stream.input.on('data', (data: Buffer) => void heard.push(data.toString()));
        return new Promise(resolve =>
          stream.signal.addEventListener('abort', () => resolve(void heard.push('cancelled'))),
        );
      },
    });
    window.send({ type: 'open', id: 3, name: 'terminal', request: terminal });
    window.sendBytes(3, 'ls\n');
    window.send({ type: 'input', id: 3, item: { rows: 30, columns: 100 } });
    await expect.poll(() => heard).toHaveLength(2);
    window.close();
    await expect.poll(() => heard).toEqual(['ls\n', { rows: 30, columns: 100 }, 'cancelled']);
    expect(window.texts).toEqual([]);
  });
});

describe('requests of the engine', () => {
  test.each([
    ['GET', '/containers/json?all=1'],
    ['GET', '/images/a/b:c/json'],
    ['POST', '/containers/create?name=x'],
    ['DELETE', '/volumes/data'],
  ])('%s %s may be asked', (method, path) => {
    expect(checkEngineRequest(method, path, undefined)).toMatchObject({ method, path });
  });

  test.each([
    ['POST', '/auth', undefined, 'may not ask'],
    ['POST', '/exec/1/start', {}, 'may not ask'],
    ['POST', '/containers/x/attach', undefined, 'may not ask'],
    ['GET', '/images/../swarm', undefined, 'may not ask'],
    ['GET', '//evil/info', undefined, 'not a path'],
    ['GET', 'http://evil/info', undefined, 'not a path'],
    ['GET', '/info', { a: 1 }, 'takes no document'],
    ['POST', '/containers/create', { Image: 5 }, 'cannot unmarshal number'],
    ['GET', '/containers/json?filters=[', undefined, 'invalid filter'],
  ])('%s %s %j is refused', (method, path, body, message) => {
    expect(() => checkEngineRequest(method, path, body)).toThrow(message);
  });
});

describe('access', () => {
  test('a token opens once, its cookie as often as one likes', () => {
    const access = new Access(1234);
    const token = access.newToken();
    const pass = access.redeem(token);
    const cookie = pass?.cookie.split(';')[0];
    expect(access.redeem(token)).toBeUndefined();
    expect(access.redeem('')).toBeUndefined();
    expect(access.knowsCookie(`other=1; ${cookie}`)).toBe(true);
    expect(access.knowsCookie(`${cookie}x`)).toBe(false);
    expect(new Access(1234).knowsCookie(cookie)).toBe(false);
    expect(access.knowsKey(`berth, ${pass?.key}`)).toBe(true);
    expect([undefined, 'berth', `other, ${pass?.key}`, `${pass?.key}`].some(each => access.knowsKey(each))).toBe(false);
  });

  test('only loopback with the port is a host, and only pages of it are an origin', () => {
    const access = new Access(1234);
    expect(['127.0.0.1:1234', 'localhost:1234'].every(access.knowsHost)).toBe(true);
    expect(['evil.example:1234', '127.0.0.1', 'localhost:1235', undefined].some(access.knowsHost)).toBe(false);
    expect(access.knowsOrigin('http://127.0.0.1:1234')).toBe(true);
    expect(['https://127.0.0.1:1234', 'http://evil.example', 'null', undefined].some(access.knowsOrigin)).toBe(false);
  });
});

test('a reading is what docker stats shows', () => {
  const cpu = (total: number, system: number) => ({
    cpu_usage: { total_usage: total, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    system_cpu_usage: system,
    online_cpus: 2,
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  });
  const document = {
    read: '2026-01-01T00:00:01Z',
    cpu_stats: cpu(300, 2000),
    precpu_stats: cpu(100, 1000),
    memory_stats: { usage: 1000, limit: 5000, stats: { inactive_file: 400 } },
    networks: { a: { rx_bytes: 1, tx_bytes: 2 }, b: { rx_bytes: 3, tx_bytes: 4 } },
    blkio_stats: { io_service_bytes_recursive: [{ major: 1, minor: 1, op: 'Read', value: 7 }] },
    pids_stats: { current: 3 },
  };
  expect(statsReading(document as never)).toMatchObject({
    cpuPercent: 40,
    memoryBytes: 600,
    memoryLimit: 5000,
    received: 4,
    sent: 6,
    read: 7,
    written: 0,
    processes: 3,
  });
  const measured = (more: object): boolean => isMeasured({ ...document, ...more } as never);
  const first = { ...cpu(0, 0), system_cpu_usage: undefined };
  expect([measured({}), measured({ precpu_stats: first }), measured({ read: '0001-01-01T00:00:00Z' })]).toEqual([
    true,
    false,
    false,
  ]);
});
