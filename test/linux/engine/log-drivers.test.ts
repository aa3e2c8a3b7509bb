import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: an engine needs Linux and root');

/** A GELF collector over TCP that can go away and come back. */
class Collector {
  text = '';
  port = 0;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();

  async start(): Promise<void> {
    this.#server = createServer(socket => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', data => {
        this.text += data.toString();
      });
    }).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    await new Promise(resolve => this.#server?.close(resolve));
  }

  get lines(): string[] {
    const whole = this.text.split('\0').filter(Boolean);
    return whole.map(message => (JSON.parse(message) as { short_message: string }).short_message);
  }
}

describe.skipIf(!usable)('logs that go elsewhere', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  const collector = new Collector();
  const count = 'i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); sleep 0.01; done';
  const run = (name: string, command: string, ...more: string[]): Promise<string> => {
    const to = `gelf-address=tcp://127.0.0.1:${collector.port}`;
    return engine.docker(
      ...[
        'run',
        '-d',
        '--name',
        name,
        '--log-driver',
        'gelf',
        '--log-opt',
        to,
        '--log-opt',
        'gelf-tcp-max-reconnect=100',
      ],
      ...more,
      ...['busybox', 'sh', '-c', command],
    );
  };

  beforeAll(async () => {
    await collector.start();
    engine = await startNativeEngine();
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  });
  afterAll(async () => {
    await engine?.stop();
    await collector.stop();
  });

  it('are there and here, and go on with the next engine', async () => {
    await run('counts', count);
    await eventually('lines come', () => collector.lines.length > 20);
    await engine.kill();
    await engine.restart();
    const before = collector.lines.length;
    await eventually('lines come again', () => collector.lines.length > before + 20);
    await engine.docker('kill', 'counts');
    const here = (await engine.docker('logs', 'counts')).trim().split('\n');
    expect(here).toEqual(here.map((_, at) => String(at)));
    await eventually('the last line is there', () => collector.lines.at(-1) === here.at(-1));
    // what the killed engine had taken and not yet sent is lost, as with Docker; nothing comes twice
    const there = collector.lines.map(Number);
    expect(there).toEqual([...new Set(there)].sort((left, right) => left - right));
    await engine.docker('rm', 'counts');
  });

  it('wait for a collector that is away, and do not when they need not', async () => {
    collector.text = '';
    await run('patient', count);
    await run('hasty', 'yes | head -n 100000; echo done > /done; sleep 100', '--log-opt', 'mode=non-blocking');
    await eventually('lines come', () => collector.lines.length > 20);
    await collector.stop();
    await eventually('it went on', () => engine.docker('exec', 'hasty', 'cat', '/done'));
    const before = collector.lines.length;
    await collector.start();
    await eventually('lines come again', () => collector.lines.length > before + 20);
    await engine.docker('rm', '-f', 'patient', 'hasty');
  });
});
