import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { eventually, settled } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: an engine needs Linux and root');

describe.skipIf(!usable)('attach over a web socket', { timeout: 30_000 }, () => {
  let engine: NativeEngine;
  const open = (name: string, query: string): WebSocket =>
    new WebSocket(`ws+unix:${engine.socket}:/v1.47/containers/${name}/attach/ws?${query}`);

  beforeAll(async () => {
    engine = await startNativeEngine();
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  });
  afterAll(() => engine?.stop());

  it('brings what was said and what is said, takes input, and ends with the process', async () => {
    const script = 'echo before; while read line; do echo "got $line"; [ "$line" = end ] && exit 3; done';
    await engine.docker('run', '-di', '--name', 'web', 'busybox', 'sh', '-c', script);
    await eventually('it has begun', async () => (await engine.docker('logs', 'web')).includes('before'));
    const client = open('web', 'logs=1&stream=1&stdin=1&stdout=1&stderr=1');
    let text = '';
    client.on('message', (data: Buffer, isBinary) => {
      expect(isBinary).toBe(true);
      text += data.toString();
    });
    await once(client, 'open');
    client.send('first\n');
    client.send(Buffer.from('end\n'));
    const [code] = await once(client, 'close');
    expect(code).toBe(1000);
    expect(text).toBe('before\ngot first\ngot end\n');
    expect((await engine.docker('wait', 'web')).trim()).toBe('3');
    await engine.docker('rm', 'web');
  });

  it('leaves the container alone when the client goes', async () => {
    await engine.docker('run', '-di', '--name', 'stays', 'busybox', 'cat');
    const client = open('stays', 'stream=1&stdin=1&stdout=1');
    await once(client, 'open');
    client.terminate();
    expect(await engine.docker('inspect', '--format', '{{.State.Status}}', 'stays')).toBe('running\n');
    await engine.docker('rm', '-f', 'stays');
  });

  it('keeps nothing of what a process does not read', async () => {
    await engine.docker('run', '-di', '--name', 'deaf', 'busybox', 'sleep', '1000');
    const client = open('deaf', 'stream=1&stdin=1&stdout=1');
    await once(client, 'open');
    const piece = Buffer.alloc(1 << 20);
    for (let sent = 0; sent < 32; sent++) client.send(piece);
    const waiting = await settled('the client waits', () => client.bufferedAmount);
    expect(waiting).toBeGreaterThan(16 << 20);
    client.terminate();
    await engine.docker('rm', '-f', 'deaf');
  });

  it('is refused like any other request', async () => {
    const [refusal] = await once(open('nosuch', 'stream=1'), 'error');
    expect(String(refusal)).toContain('404');
    const plain = await fetchOver('/containers/nosuch/attach/ws?stream=1');
    expect(plain).toContain('No such container');
  });

  const fetchOver = async (path: string): Promise<string> => {
    const { request } = await import('node:http');
    const call = request({ socketPath: engine.socket, path }).end();
    const [answer] = await once(call, 'response');
    return Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString();
  };
});
