import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { succeed } from '../../test/support/command.ts';
import { startNativeEngine } from '../../test/support/engine.ts';
import { busyboxArchive } from '../../test/support/images.ts';
import { startPeer } from '../../test/support/peer.ts';
import { type Api, cycle, openApi } from './api.ts';
import { engineProcesses, pssMegabytes } from './memory.ts';
import { compared, limited, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

const image = 'busybox:latest';
const atOnce = 8;
const megabytes = 200;
const crowd = 500;

type Container = { Id: string };

const create = (api: Api, body: object): Promise<Container> =>
  api.call('POST', '/containers/create', { Image: image, ...body }) as Promise<Container>;

async function started(api: Api, body: object): Promise<string> {
  const { Id } = await create(api, body);
  await api.call('POST', `/containers/${Id}/start`);
  return Id;
}

const removed = (api: Api, id: string): Promise<unknown> => api.call('DELETE', `/containers/${id}?force=1`);

/** `count` of something, some of them at once. */
async function together(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Milliseconds that `work` takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Milliseconds for each of many cycles, eight at once. */
const crowded = async (api: Api): Promise<number> => {
  const count = 6 * atOnce;
  const took = await timed(() => together(count, atOnce, async () => void (await cycle(api, 'bridge'))));
  return took / count;
};

/** An exec of `true`: created, run to its end, its exit code read. */
async function exec(api: Api, container: string): Promise<number> {
  return timed(async () => {
    const { Id } = (await api.call('POST', `/containers/${container}/exec`, {
      AttachStdout: true,
      Cmd: ['true'],
    })) as Container;
    await api.call('POST', `/exec/${Id}/start`, { Detach: false, Tty: false });
    let state: { Running: boolean; ExitCode: number | null };
    do state = (await api.call('GET', `/exec/${Id}/json`)) as typeof state;
    while (state.Running);
    if (state.ExitCode !== 0) throw new Error(`true ended with ${state.ExitCode}`);
  });
}

async function execs(apis: readonly Api[], rounds: number): Promise<Row> {
  const ids = await Promise.all(apis.map(api => started(api, { Cmd: ['sleep', '600'] })));
  const turns = apis.map((api, index) => () => exec(api, ids[index] ?? ''));
  const [mine = [], theirs = []] = await alternate(rounds, 10, turns);
  await Promise.all(apis.map((api, index) => removed(api, ids[index] ?? '')));
  return compared('exec of `true` to its exit code', 'ms', mine, theirs, 6);
}

/** Seconds that 200 MB of lines take into the log, and back through `docker logs`. */
async function output(api: Api, socket: string): Promise<{ written: number; read: number }> {
  const line = 'x'.repeat(99);
  const { Id } = await create(api, {
    Cmd: ['sh', '-c', `yes ${line} | head -c ${megabytes}000000`],
    HostConfig: { NetworkMode: 'none' },
  });
  const written = await timed(async () => {
    await api.call('POST', `/containers/${Id}/start`);
    await api.call('POST', `/containers/${Id}/wait`);
  });
  const read = await timed(() =>
    succeed('sh', ['-c', `docker -H unix://${socket} logs ${Id} >/dev/null`], { timeoutMs: 120_000 }),
  );
  await removed(api, Id);
  return { written: written / 1000, read: read / 1000 };
}

async function outputs(apis: readonly Api[], sockets: readonly string[]): Promise<Row[]> {
  const rounds = [0, 1, 2];
  const samples = apis.map(() => ({ written: [] as number[], read: [] as number[] }));
  for (const _round of rounds) {
    for (const [index, api] of apis.entries()) {
      const { written, read } = await output(api, sockets[index] ?? '');
      samples[index]?.written.push(written);
      samples[index]?.read.push(read);
    }
  }
  const [mine, theirs] = samples;
  return [
    compared(`${megabytes} MB of lines into the log`, 's', mine?.written ?? [], theirs?.written ?? [], 4),
    compared(`${megabytes} MB of lines out of it again`, 's', mine?.read ?? [], theirs?.read ?? [], 4),
  ];
}

/** Requests in which Node still compiles, on both sides of the socket, what it has found to be done often. */
const warmUp = 200;

const percentile99 = (sample: readonly number[]): number =>
  sample.toSorted((a, b) => a - b)[Math.floor(sample.length * 0.99)] ?? Number.NaN;

async function lists(api: Api): Promise<Row[]> {
  const ids: string[] = [];
  await together(1000, 4, async index => {
    const body = { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } };
    ids.push(index < 50 ? await started(api, body) : (await create(api, body)).Id);
  });
  const sample = async (path: string): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < warmUp + 300; round++) times.push(await timed(() => api.call('GET', path)));
    return percentile99(times.slice(warmUp));
  };
  const rows = [
    limited('list of the 50 that run among 1,000 containers, p99', 'ms', await sample('/containers/json'), 15),
    limited('inspect among them, p99', 'ms', await sample(`/containers/${ids[0]}/json`), 3),
  ];
  await together(ids.length, 4, async index => void (await removed(api, ids[index] ?? '')));
  return rows;
}

/** Seconds of processor time that a process has used. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function crowds(api: Api, pids: readonly number[]): Promise<Row[]> {
  const before = pssMegabytes(pids);
  const ids: string[] = [];
  const start = await timed(() =>
    together(crowd, 4, async () => void ids.push(await started(api, { Cmd: ['sleep', '600'] }))),
  );
  const each = (pssMegabytes(pids) - before) / crowd;
  await sleep(2000);
  const used = (): number => pids.reduce((sum, pid) => sum + processorSeconds(pid), 0);
  const busy = used();
  await sleep(5000);
  const idle = (used() - busy) / 5;
  const stop = await timed(() => together(crowd, 16, async index => void (await removed(api, ids[index] ?? ''))));
  return [
    limited(`${crowd} containers started`, 's', start / 1000, 20),
    limited(`each of them in the engine (PSS)`, 'MB', each, 0.3),
    limited('processor time of the engine beside them', '%', idle * 100, 1),
    limited('and all of them removed', 's', stop / 1000, 20),
  ];
}

/** What an engine is like when much is asked of it. */
export async function benchLoad(rounds: number): Promise<Row[]> {
  const peer = await startPeer();
  const engine = await startNativeEngine();
  const sockets = [engine.socket, peer.socket];
  const apis = sockets.map(openApi);
  const [ours] = apis;
  try {
    const archive = await busyboxArchive();
    for (const socket of sockets) await succeed('docker', ['-H', `unix://${socket}`, 'load', '-q', '-i', archive]);
    const [mine = [], theirs = []] = await alternate(
      Math.max(3, Math.round(rounds / 10)),
      1,
      apis.map(api => () => crowded(api)),
    );
    const { agent, keeper } = await engineProcesses(engine);
    return [
      compared(`each of many cycles, ${atOnce} at once, bridge network`, 'ms', mine, theirs, 8),
      await execs(apis, rounds),
      ...(await outputs(apis, sockets)),
      ...(ours ? [...(await lists(ours)), ...(await crowds(ours, [agent, keeper]))] : []),
    ];
  } finally {
    for (const api of apis) api.close();
    await engine.stop();
    await peer.stop();
  }
}
