import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: an engine needs Linux and root');

/** Milliseconds from the request to the engine's death: before it is read, in its middle, after its answer. */
const delays = [0, 1, 2, 3, 4, 6, 8, 12, 20, 40];

describe.skipIf(!usable)(
  'an engine that is killed while a container joins or leaves a network',
  { timeout: 180_000 },
  () => {
    let engine: NativeEngine;
    const docker = (...args: string[]): Promise<string> => engine.docker(...args).then(text => text.trim());

    beforeAll(async () => {
      engine = await startNativeEngine();
      await docker('load', '-q', '-i', await busyboxArchive());
      await docker('network', 'create', '--subnet', '10.219.0.0/24', 'blue');
      await docker('run', '-d', '--name', 'moving', 'busybox', 'sleep', '1000');
      await docker('run', '-d', '--name', 'staying', '--network', 'blue', 'busybox', 'sleep', '1000');
    }, 60_000);
    afterAll(async () => {
      await engine?.stop();
      expect(await tracesOf(engine)).toEqual([]);
    }, 60_000);

    /** Asks and does not wait for an answer, which may never come. */
    const ask = (path: string): void => {
      const asked = request({
        socketPath: engine.socket,
        path,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      });
      asked.on('error', () => undefined);
      asked.on('response', answer => answer.resume());
      asked.end('{"Container":"moving","EndpointConfig":{"Aliases":["nomad"]}}');
    };
    const networksOf = async (): Promise<string[]> =>
      (
        await docker(
          'inspect',
          'moving',
          '--format',
          '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}',
        )
      ).split(' ');
    /** Links on the blue bridge, as the kernel counts them. */
    const ports = async (): Promise<number> => {
      const id = await docker('network', 'inspect', 'blue', '--format', '{{.Id}}');
      const links = await succeed('ip', ['-o', 'link', 'show', 'master', `br-${id.slice(0, 12)}`]);
      return links.split('\n').filter(Boolean).length;
    };

    it('finds it in or out, all of it, and can go on', async () => {
      let connected = false;
      const seen = new Set<boolean>();
      for (const delay of [...delays, ...delays]) {
        ask(`/networks/blue/${connected ? 'disconnect' : 'connect'}`);
        await new Promise(resolve => setTimeout(resolve, delay));
        await engine.kill();
        await engine.restart();
        connected = (await networksOf()).includes('blue');
        seen.add(connected);
        const inside = (await docker('exec', 'moving', 'ls', '/sys/class/net')).split('\n');
        expect([delay, inside.includes('eth1')]).toEqual([delay, connected]);
        expect([delay, await ports()]).toEqual([delay, connected ? 2 : 1]);
        const found = await engine.tryDocker(['exec', 'staying', 'nslookup', '-type=a', 'nomad']);
        expect([delay, found.stdout.includes('10.219.0.')]).toEqual([delay, connected]);
      }
      expect(seen.size).toBe(2);
      await docker('rm', '-f', 'moving', 'staying');
      await eventually('nothing is plugged in', async () => (await ports()) === 0);
      await docker('network', 'rm', 'blue');
    });
  },
);
