import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeRegistry } from '../../test/fakes/fake-registry.ts';
import { succeed } from '../../test/support/command.ts';
import { startNativeEngine } from '../../test/support/engine.ts';
import { pythonArchive } from '../../test/support/images.ts';
import { startPeer } from '../../test/support/peer.ts';
import { type Registry, startRegistry } from '../../test/support/registry.ts';

import { openApi } from './api.ts';
import { compared, limited, median, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

/** One engine, and the words that put a registry beside it. */
interface Side {
  socket: string;
  enter: string[];
}

const name = 'debian-python:latest';

/** A command's time in seconds. */
async function timed({ socket }: Side, ...args: string[]): Promise<number> {
  const started = performance.now();
  await succeed('docker', ['-H', `unix://${socket}`, ...args], { timeoutMs: 300_000 });
  return (performance.now() - started) / 1000;
}

/** Loads the image as if it had never been there. */
async function loaded(side: Side, archive: string): Promise<number> {
  await succeed('docker', ['-H', `unix://${side.socket}`, 'rmi', '-f', name]).catch(() => undefined);
  return timed(side, 'load', '--quiet', '--input', archive);
}

/** Pushes into a registry that knows nothing yet: what one has already is not sent. */
async function pushed(side: Side): Promise<number> {
  const registry = await startRegistry(side.enter);
  try {
    const target = `${registry.host}/${name}`;
    await timed(side, 'tag', name, target);
    const took = await timed(side, 'push', '--quiet', target);
    await timed(side, 'rmi', target);
    return took;
  } finally {
    await registry.stop();
  }
}

async function pulled(side: Side, registry: Registry | undefined): Promise<number> {
  const target = `${registry?.host}/${name}`;
  const took = await timed(side, 'pull', '--quiet', target);
  await timed(side, 'rmi', target);
  return took;
}

async function rowsOf(sides: readonly [Side, Side], archive: string, rounds: number): Promise<Row[]> {
  const row = async (what: string, times: number, turn: (side: Side) => Promise<number>): Promise<Row> => {
    const turns = sides.map(side => () => turn(side));
    const [mine = [], theirs = []] = await alternate(rounds, 1, turns);
    return compared(what, 's', mine, theirs, times);
  };
  const folder = await mkdtemp(join(tmpdir(), 'berth-saved-'));
  const registries = new Map<Side, Registry>();
  try {
    for (const side of sides) registries.set(side, await startRegistry(side.enter));
    for (const registry of registries.values()) await registry.push(archive, name);
    return [
      await row('pull of a 190 MB image from a local registry', 1.5, side => pulled(side, registries.get(side))),
      await row('load of the same from an archive', 1.5, side => loaded(side, archive)),
      await row('push of what was loaded, packed on the way', 1, async side => {
        await loaded(side, archive);
        return pushed(side);
      }),
      await row('push of the same once more, to another registry', 1, pushed),
      await row('save of the same', 1, side => timed(side, 'save', '--output', join(folder, 'saved.tar'), name)),
    ];
  } finally {
    for (const registry of registries.values()) await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Creating a container of many layers, beyond what one of a single layer takes. */
async function tallContainers({ socket }: Side, rounds: number): Promise<Row> {
  const registry = await FakeRegistry.start();
  const api = openApi(socket);
  try {
    const layers = Array.from({ length: 100 }, (_, number) => ({ [`file-${number}`]: `${number}` }));
    await registry.addImage('tall', layers, {
      os: 'linux',
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    });
    await registry.addImage('flat', layers.slice(0, 1));
    const turns = ['tall', 'flat'].map(tag => async () => {
      const started = performance.now();
      const { Id } = (await api.call('POST', '/containers/create', { Image: `${registry.host}/app:${tag}` })) as {
        Id: string;
      };
      const took = performance.now() - started;
      await api.call('DELETE', `/containers/${Id}`);
      return took;
    });
    for (const tag of ['tall', 'flat']) {
      await succeed('docker', ['-H', `unix://${socket}`, 'pull', '-q', `${registry.host}/app:${tag}`]);
    }
    const [tall = [], flat = []] = await alternate(rounds * 10, 10, turns);
    return limited('creating a container of 100 layers, beyond one of 1', 'ms', median(tall) - median(flat), 2);
  } finally {
    api.close();
    await registry.stop();
  }
}

/** Images on their way in and out, beside dockerd, in one run. */
export async function benchImages(rounds: number): Promise<Row[]> {
  const peer = await startPeer();
  const engine = await startNativeEngine();
  try {
    const ours = { socket: engine.socket, enter: [] };
    const rows = await rowsOf([ours, peer], await pythonArchive(), rounds);
    return [...rows, await tallContainers(ours, rounds)];
  } finally {
    await engine.stop();
    await peer.stop();
  }
}
