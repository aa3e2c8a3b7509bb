import { succeed } from '../../test/support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../test/support/engine.ts';
import { busyboxArchive } from '../../test/support/images.ts';
import { startPeer } from '../../test/support/peer.ts';
import { cycle, openApi } from './api.ts';
import { requireWholeWork } from './guards.ts';
import { engineProcesses, pssMegabytes } from './memory.ts';
import { compared, limited, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

async function lives(ours: string, peer: string, rounds: number): Promise<Row[]> {
  const apis = [openApi(ours), openApi(peer)] as const;
  const rows: Row[] = [];
  for (const [network, times] of [
    ['bridge', 15],
    ['none', 10],
    ['host', 10],
  ] as const) {
    const [mine = [], theirs = []] = await alternate(
      rounds,
      10,
      apis.map(api => () => cycle(api, network)),
    );
    rows.push(compared(`create, start, wait, delete of \`true\`, ${network} network`, 'ms', mine, theirs, times));
  }
  for (const api of apis) api.close();
  return rows;
}

async function memory(engine: NativeEngine): Promise<Row[]> {
  const { agent, keeper } = await engineProcesses(engine);
  const idle = pssMegabytes([agent, keeper]);
  const count = 50;
  const api = openApi(engine.socket);
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const { Id } = (await api.call('POST', '/containers/create', {
      Image: 'busybox:latest',
      Cmd: ['sleep', '600'],
    })) as { Id: string };
    await api.call('POST', `/containers/${Id}/start`);
    ids.push(Id);
  }
  const busy = pssMegabytes([agent, keeper]);
  for (const id of ids) await api.call('DELETE', `/containers/${id}?force=1`);
  api.close();
  return [
    limited('agent and keeper, idle after the runs above (PSS)', 'MB', idle, 150),
    limited('each of 50 sleeping containers on top (PSS)', 'MB', (busy - idle) / count, 0.3),
  ];
}

/** Our engine on this host's kernel beside dockerd, in one run. */
export async function benchNative(rounds: number): Promise<Row[]> {
  const peer = await startPeer();
  const engine = await startNativeEngine();
  try {
    const archive = await busyboxArchive();
    for (const { socket } of [engine, peer])
      await succeed('docker', ['-H', `unix://${socket}`, 'load', '-q', '-i', archive]);
    await requireWholeWork(engine, (await engineProcesses(engine)).agent);
    return [...(await lives(engine.socket, peer.socket, rounds)), ...(await memory(engine))];
  } finally {
    await engine.stop();
    await peer.stop();
  }
}
