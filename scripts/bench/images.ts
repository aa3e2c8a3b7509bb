import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeRegistry } from '../../test/fakes/fake-registry.ts';
import { succeed } from '../../test/support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../test/support/engine.ts';
import { startPeer } from '../../test/support/peer.ts';
import { startPodman } from '../../test/support/podman.ts';
import { startRegistry } from '../../test/support/registry.ts';

import { openApi } from './api.ts';
import { type ImageArchives, imageArchives } from './image-archives.ts';
import { engineProcesses, pssMegabytes } from './memory.ts';
import { compared, limited, median, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

/** One engine, and the words that put a registry beside it. */
interface Side {
  socket: string;
  enter: string[];
}

/** A command's time in seconds. */
async function timed({ socket }: Side, ...args: string[]): Promise<number> {
  const started = performance.now();
  await succeed('docker', ['-H', `unix://${socket}`, ...args], { timeoutMs: 900_000 });
  return (performance.now() - started) / 1000;
}

const drop = (side: Side, name: string) => timed(side, 'rmi', '--force', name).catch(() => undefined);

/** Each round has an image of its own, which no engine has seen: nothing is there already, and nothing was removed just now. */
class Measurements {
  readonly #sides: readonly Side[];
  readonly #rounds: number;
  readonly #archives: ImageArchives;

  constructor(sides: readonly Side[], rounds: number, archives: ImageArchives) {
    this.#sides = sides;
    this.#rounds = rounds;
    this.#archives = archives;
  }

  /** `turn` on each side by turns, with an archive that is called `name`. */
  async row(
    about: { what: string; times: number; layers: number },
    turn: (side: Side, archive: string, name: string) => Promise<number>,
  ): Promise<Row> {
    const samples: number[][] = this.#sides.map(() => []);
    const names: string[] = [];
    for (let round = 0; round < this.#rounds; round++) {
      const name = `localhost:5/bench:${about.layers}-${names.push(`${round}`)}`;
      const archive = await this.#archives.make(name, about.layers);
      for (const [index, side] of this.#sides.entries()) samples[index]?.push(await turn(side, archive, name));
      for (const made of [archive, `${archive}.registry`]) await rm(made, { recursive: true, force: true });
      for (const side of this.#sides) await drop(side, name);
    }
    const [mine = [], theirs = [], podmans = []] = samples;
    const row = compared(about.what, 's', mine, theirs, about.times);
    process.stderr.write(`${about.what}: ${samples.map(sample => median(sample).toFixed(2)).join(' / ')} s\n`);
    return podmans.length > 0 ? { ...row, podman: median(podmans) } : row;
  }
}

/** Pulls what skopeo has put into a new registry; all sides have the same one, each its own program before it. */
async function pulled(side: Side, archive: string): Promise<number> {
  const data = `${archive}.registry`;
  if (!existsSync(data)) {
    const first = await startRegistry([], { data });
    await first.push(archive, 'bench:latest').finally(() => first.stop());
  }
  const registry = await startRegistry(side.enter, { data });
  try {
    const took = await timed(side, 'pull', '--quiet', `${registry.host}/bench`);
    await drop(side, `${registry.host}/bench`);
    return took;
  } finally {
    await registry.stop();
  }
}

const loaded = (side: Side, archive: string): Promise<number> => timed(side, 'load', '--quiet', '--input', archive);

/** Pushes into a registry that knows nothing yet: what one has already is not sent. */
async function pushed(side: Side, archive: string, name: string): Promise<number> {
  await loaded(side, archive);
  const registry = await startRegistry(side.enter);
  try {
    const target = `${registry.host}/bench`;
    await timed(side, 'tag', name, target);
    const took = await timed(side, 'push', '--quiet', target);
    await drop(side, target);
    return took;
  } finally {
    await registry.stop();
  }
}

async function saved(side: Side, archive: string, name: string): Promise<number> {
  await loaded(side, archive);
  const folder = await mkdtemp(join(tmpdir(), 'berth-saved-'));
  const took = await timed(side, 'save', '--output', join(folder, 'saved.tar'), name);
  await rm(folder, { recursive: true });
  return took;
}

async function rowsOf(sides: readonly Side[], rounds: number, archives: ImageArchives): Promise<Row[]> {
  const small = new Measurements(sides, rounds, archives);
  const large = new Measurements(sides.slice(0, 2), Math.max(2, Math.floor(rounds / 2)), archives); // podman takes its time
  return [
    await small.row({ what: 'pull of a 250 MB image from a local registry', times: 2, layers: 1 }, pulled),
    await large.row({ what: 'pull of a 1 GB image of 4 layers', times: 2, layers: 4 }, pulled),
    await small.row({ what: 'load of 250 MB from an archive', times: 2, layers: 1 }, loaded),
    await large.row({ what: 'load of 1 GB', times: 2, layers: 4 }, loaded),
    await small.row({ what: 'push of 250 MB to a registry that has nothing', times: 1, layers: 1 }, pushed),
    await small.row({ what: 'save of 250 MB', times: 1, layers: 1 }, saved),
  ];
}

const percentile = (sample: readonly number[], share: number): number =>
  sample.toSorted((a, b) => a - b)[Math.floor(sample.length * share)] ?? Number.NaN;

/** What others wait for the engine while it removes an image, and what it takes of memory at its worst. */
async function beside(engine: NativeEngine, archives: ImageArchives): Promise<Row[]> {
  const side = { socket: engine.socket, enter: [] };
  const name = 'localhost:5/bench:removed';
  const { agent } = await engineProcesses(engine);
  const api = openApi(engine.socket);
  let busy = true;
  let peak = 0;
  const watch = async (): Promise<void> => {
    for (; busy; await sleep(50)) peak = Math.max(peak, pssMegabytes([agent]));
  };
  const watching = watch();
  const archive = await archives.make(name, 4);
  await pulled(side, archive);
  await pushed(side, archive, name);
  await loaded(side, archive);
  busy = false;
  await watching;
  const answers: number[] = [];
  const removal = Promise.all([timed(side, 'rmi', name), sleep(5000)]);
  let over = false;
  void removal.finally(() => {
    over = true;
  });
  for (; !over; await sleep(5)) {
    const started = performance.now();
    await api.call('GET', '/containers/json');
    answers.push(performance.now() - started);
  }
  await removal;
  api.close();
  return [
    limited('list of containers while a 1 GB image is removed, p99', 'ms', percentile(answers, 0.99), 20),
    limited('agent at its largest: 1 GB pulled, pushed, loaded (PSS)', 'MB', peak, 150),
  ];
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

/** Images on their way in and out, beside dockerd and podman, in one run. */
export async function benchImages(rounds: number): Promise<Row[]> {
  const peer = await startPeer();
  const engine = await startNativeEngine();
  const podman = await startPodman();
  const archives = await imageArchives();
  try {
    const ours = { socket: engine.socket, enter: [] };
    const podmans = podman ? [{ socket: podman.socket, enter: [] }] : [];
    const rows = await rowsOf([ours, peer, ...podmans], rounds, archives);
    return [...rows, ...(await beside(engine, archives)), await tallContainers(ours, rounds)];
  } finally {
    await archives.remove();
    await podman?.stop();
    await engine.stop();
    await peer.stop();
  }
}
