import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import { type Api, openApi } from '../../../../guest-agent/api/index.ts';
import { FakeEngine } from '../../../fakes/fake-engine.ts';
import { ask, talk } from './client.ts';

const log = createLog({ level: 'error', write: () => undefined });
let folder: string;
let socketPath: string;
let engine: FakeEngine;
let api: Api;

const open = (): Promise<Api> => openApi({ engine, socketPath, version: '28.5.2', log });
const json = { 'content-type': 'application/json' };
const create = async (body: object): Promise<string> => {
  const { document } = await ask(
    socketPath,
    'POST',
    '/containers/create',
    JSON.stringify({ Image: 'busybox', ...body }),
    json,
  );
  return (document as { Id: string }).Id;
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'api-'));
  socketPath = join(folder, 'docker.sock');
  engine = new FakeEngine();
  api = await open();
});

afterEach(async () => {
  await engine.close();
  await api.close();
  rmSync(folder, { recursive: true });
});

describe('headers and errors', () => {
  it('introduces itself on a ping, by GET and HEAD', async () => {
    const { headers, text } = await ask(socketPath, 'GET', '/v1.40/_ping');
    expect(text).toBe('OK');
    expect(headers).toMatchObject({
      'api-version': '1.52',
      'docker-experimental': 'false',
      ostype: 'linux',
      server: 'Docker/28.5.2 (linux)',
      swarm: 'inactive',
      'cache-control': 'no-cache, no-store, must-revalidate',
      pragma: 'no-cache',
    });
    const head = await ask(socketPath, 'HEAD', '/_ping');
    expect([head.status, head.text, head.headers['api-version']]).toEqual([200, '', '1.52']);
  });

  it.each([
    ['GET', '/nowhere', 404, 'page not found'],
    ['GET', '/v1.99/info', 400, 'client version 1.99 is too new. Maximum supported API version is 1.52'],
    ['GET', '/containers/x/json', 404, 'No such container: x'],
    ['GET', '/containers/x/logs', 404, 'No such container: x'],
    ['POST', '/containers/x/attach', 404, 'No such container: x'],
    ['DELETE', '/networks/bridge', 403, 'bridge is a pre-defined network and cannot be removed'],
    ['POST', '/build', 501, 'this engine has no builder'],
    ['POST', '/grpc', 500, 'no upgrade proto in request'],
    ['POST', '/session', 400, 'no upgrade proto in request'],
    ['GET', '/containers/json?limit=x', 500, 'strconv.Atoi: parsing "x": invalid syntax'],
    ['GET', '/containers/json?filters=x', 400, 'invalid filter'],
    ['POST', '/containers/create', 400, 'invalid JSON: got EOF while reading request body'],
  ])('%s %s is %i', async (method, path, status, message) => {
    expect(await ask(socketPath, method, path)).toMatchObject({ status, document: { message } });
  });

  it('reads JSON only when it is told that it is JSON', async () => {
    const post = (text: string, headers: Record<string, string>) =>
      ask(socketPath, 'POST', '/containers/create', text, headers);
    expect((await post('{}', {})).document).toEqual({
      message: 'malformed Content-Type header (): mime: no media type',
    });
    expect((await post('{}', { 'content-type': 'text/plain' })).document).toEqual({
      message: "unsupported Content-Type header (text/plain): must be 'application/json'",
    });
    const broken = await post('{"Image":', json);
    expect(broken.status).toBe(400);
    expect(broken.document).toMatchObject({ message: expect.stringMatching(/^invalid JSON: /) });
    expect((await post(`{"Image":"busybox","Labels":{"a":"${'x'.repeat(17 << 20)}"}}`, json)).document).toEqual({
      message: 'http: request body too large',
    });
  });

  it('answers what nobody foresaw with 500 and its message, and goes on', async () => {
    engine.system.info = () => Promise.reject(new TypeError('a bug'));
    expect(await ask(socketPath, 'GET', '/info')).toMatchObject({ status: 500, document: { message: 'a bug' } });
    expect((await ask(socketPath, 'GET', '/_ping')).status).toBe(200);
  });

  it('has no body for what is already so', async () => {
    const id = await create({ Cmd: ['sleep', '9'] });
    expect((await ask(socketPath, 'POST', `/containers/${id}/start`)).status).toBe(204);
    expect(await ask(socketPath, 'POST', `/containers/${id}/start`)).toMatchObject({ status: 304, text: '' });
  });
});

describe('streams', () => {
  it('tells a failed pull by its status before the first message, in the stream after it', async () => {
    const early = await ask(socketPath, 'POST', '/images/create?fromImage=secret');
    expect(early).toMatchObject({ status: 404, document: { message: expect.stringContaining('pull access denied') } });
    const late = await ask(socketPath, 'POST', '/images/create?fromImage=broken');
    expect(late.status).toBe(200);
    expect(
      late.text
        .trim()
        .split('\r\n')
        .map(line => JSON.parse(line)),
    ).toEqual([
      { status: 'Pulling from library/broken', id: 'latest' },
      { errorDetail: { message: 'unexpected EOF' }, error: 'unexpected EOF' },
    ]);
  });

  it('sends the headers of a wait before its end', async () => {
    const id = await create({ Cmd: ['false'] });
    const client = await talk(socketPath);
    client.socket.write(`POST /containers/${id}/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.until('\r\n\r\n');
    await ask(socketPath, 'POST', `/containers/${id}/start`);
    await client.until('{"StatusCode":1}');
    client.socket.destroy();
  });

  it('frames logs by stream, and says so since 1.42', async () => {
    const id = await create({ Cmd: ['both'] });
    await ask(socketPath, 'POST', `/containers/${id}/start`);
    await ask(socketPath, 'POST', `/containers/${id}/wait`);
    const path = `/containers/${id}/logs?stdout=1&stderr=1`;
    const now = await ask(socketPath, 'GET', `/v1.43${path}`);
    expect(now.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
    expect(now.text).toBe('\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04err\n');
    expect((await ask(socketPath, 'GET', `/v1.41${path}`)).headers['content-type']).toBe(
      'application/vnd.docker.raw-stream',
    );
    expect((await ask(socketPath, 'GET', `/containers/${id}/logs`)).status).toBe(400);
  });

  it('stops following when the client goes away', async () => {
    const id = await create({ Cmd: ['sleep', '9'] });
    await ask(socketPath, 'POST', `/containers/${id}/start`);
    let aborted: AbortSignal | undefined;
    const container = engine.containers.getByRef(id as never);
    const { stats } = container;
    container.stats = (options, signal) => {
      aborted = signal;
      return stats.call(container, options, signal);
    };
    const client = await talk(socketPath);
    client.socket.write(`GET /containers/${id}/stats HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.until('memory_stats');
    expect(aborted?.aborted).toBe(false);
    client.socket.destroy();
    await expect.poll(() => aborted?.aborted).toBe(true);
  });

  it('takes and gives archives with their stat', async () => {
    const id = await create({ Cmd: ['true'] });
    expect((await ask(socketPath, 'PUT', `/containers/${id}/archive?path=/f`, 'tar')).status).toBe(200);
    const got = await ask(socketPath, 'GET', `/containers/${id}/archive?path=/f`);
    expect([got.text, got.headers['content-type']]).toEqual(['tar', 'application/x-tar']);
    const stat = Buffer.from(String(got.headers['x-docker-container-path-stat']), 'base64').toString();
    expect(JSON.parse(stat)).toEqual({
      name: 'f',
      size: 3,
      mode: 420,
      mtime: '1970-01-01T00:00:00.000Z',
      linkTarget: '',
    });
    expect((await ask(socketPath, 'HEAD', `/containers/${id}/archive?path=/no`)).status).toBe(404);
  });
});

/** What frames carry (Docker API, "Stream format"). */
function payloadOf(frames: string): string {
  let payload = '';
  for (let at = 0; at < frames.length; ) {
    const length = Buffer.from(frames.slice(at + 4, at + 8), 'latin1').readUInt32BE();
    payload += frames.slice(at + 8, at + 8 + length);
    at += 8 + length;
  }
  return payload;
}

describe('hijacked connections', () => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
  const attach = (id: string): string =>
    `POST /containers/${id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n`;

  it.each([
    ['101', upgrade, 'application/vnd.docker.multiplexed-stream'],
    ['200', '', 'application/vnd.docker.raw-stream'],
  ])('attaches with %s: the client ends its half and still reads', async (status, header, type) => {
    const id = await create({ Cmd: ['cat'], OpenStdin: true });
    const client = await talk(socketPath);
    client.socket.write(`${attach(id)}${header}\r\n`);
    const head = await client.until('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(head).toContain(`Content-Type: ${type}\r\n`);
    await ask(socketPath, 'POST', `/containers/${id}/start`);
    client.socket.write('GET / HTTP/1.1\r\n\r\n');
    await client.until('\x01\0\0\0\0\0\0\x12GET / HTTP/1.1\r\n\r\n');
    client.socket.end('last');
    await client.until('\x01\0\0\0\0\0\0\x04last');
    await client.ended;
  });

  it('starts an exec, whose request has a body, and an exec that cannot start tells on the stream', async () => {
    const id = await create({ Cmd: ['sleep', '9'] });
    await ask(socketPath, 'POST', `/containers/${id}/start`);
    const exec = async (Cmd: string[]): Promise<string> => {
      const body = JSON.stringify({ Cmd, AttachStdin: true, AttachStdout: true });
      const created = await ask(socketPath, 'POST', `/containers/${id}/exec`, body, json);
      const client = await talk(socketPath);
      const { Id } = created.document as { Id: string };
      client.socket.write(
        `POST /exec/${Id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${upgrade}Content-Length: 2\r\n\r\n{`,
      );
      client.socket.write('}');
      await client.until('\r\n\r\n');
      client.socket.end('in');
      await client.ended;
      return client.received();
    };
    expect(await exec(['cat'])).toMatch(/\x01\0\0\0\0\0\0\x02in$/);
    expect(await exec(['nope'])).toContain('OCI runtime exec failed: exec failed: exec: "nope"');
  });

  it('passes on all that follows the body of an exec, which came in a piece of its own with the first of it', async () => {
    const id = await create({ Cmd: ['sleep', '9'] });
    await ask(socketPath, 'POST', `/containers/${id}/start`);
    const body = JSON.stringify({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true });
    const { Id } = (await ask(socketPath, 'POST', `/containers/${id}/exec`, body, json)).document as { Id: string };
    const client = await talk(socketPath);
    const headers = `Host: x\r\nContent-Type: application/json\r\n${upgrade}Content-Length: 2\r\n`;
    client.socket.write(`POST /exec/${Id}/start HTTP/1.1\r\n${headers}\r\n{`);
    await ask(socketPath, 'GET', '/_ping'); // the server has read the piece before by then
    const typed = `first${'x'.repeat(1 << 20)}last`;
    client.socket.end(`}${typed}`);
    await client.ended;
    const received = client.received();
    expect(payloadOf(received.slice(received.indexOf('\r\n\r\n') + 4))).toBe(typed);
  });

  it('answers an upgrade that fails as HTTP', async () => {
    const client = await talk(socketPath);
    client.socket.write(`${attach('nobody')}${upgrade}\r\n`);
    await client.ended;
    expect(client.received()).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
    expect(client.received()).toContain('{"message":"No such container: nobody"}');
  });

  it('keeps every byte for a client that reads late', async () => {
    const id = await create({ Cmd: ['flood', String(8 << 20)] });
    const client = await talk(socketPath);
    client.socket.write(`${attach(id)}${upgrade}\r\n`);
    await client.until('\r\n\r\n');
    client.socket.pause();
    await ask(socketPath, 'POST', `/containers/${id}/start`);
    await ask(socketPath, 'POST', `/containers/${id}/wait`); // it has said all
    expect((await ask(socketPath, 'GET', '/_ping')).status).toBe(200);
    client.socket.resume();
    client.socket.end();
    await client.ended;
    const frames = (8 << 20) / (64 << 10);
    expect(client.bytes()).toBe((8 << 20) + frames * 8 + client.received().indexOf('\r\n\r\n') + 4);
  });

  it('opens gRPC only to refuse it', async () => {
    const client = await talk(socketPath);
    client.socket.write('POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1.1 101 UPGRADED\r\n/);
    client.socket.destroy();
  });
});

describe('the socket', () => {
  it('is for its owner alone', () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  });

  it('is refused while another engine answers, and taken over from a dead one', async () => {
    await expect(open()).rejects.toThrow('another engine answers there');
    await api.close();
    await leaveStaleSocket(socketPath);
    api = await open();
    expect((await ask(socketPath, 'GET', '/_ping')).status).toBe(200);
  });

  it('is never made in place of a file', async () => {
    await api.close();
    writeFileSync(socketPath, 'precious');
    await expect(open()).rejects.toThrow('a file that is no socket is there');
    chmodSync(socketPath, 0o600);
    rmSync(socketPath);
    api = await open();
  });

  it('drops hijacked connections when it closes', async () => {
    const id = await create({ Cmd: ['sleep', '9'] });
    const client = await talk(socketPath);
    client.socket.write(
      `POST /containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    );
    await client.until('\r\n\r\n');
    await api.close();
    await client.ended;
    api = await open();
  });
});

/** A socket file whose process was killed: bound by a child that is gone. */
async function leaveStaleSocket(path: string): Promise<void> {
  const { spawnSync } = await import('node:child_process');
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', program]);
  const probe: Socket = connect(path);
  await new Promise(resolve => probe.once('error', resolve));
}
