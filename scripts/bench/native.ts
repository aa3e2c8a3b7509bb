import { succeed } from '../../test/support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../test/support/engine.ts';
import { busyboxArchive } from '../../test/support/images.ts';
import { type Peer, startPeer } from '../../test/support/peer.ts';
import { cycle, openApi } from './api.ts';
import { requireWholeWork } from './guards.ts';
import { engineProcesses, pssMegabytes } from './memory.ts';
import { compared, limited, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

/** Our aims beside each dockerd. */
const aims = [
  { network: 'bridge', old: 15, today: 20 },
  { network: 'none', old: 10, today: 10 },
  { network: 'host', old: 10, today: 10 },
] as const;

async function lives(ours: string, peers: { old: Peer; today: Peer }, rounds: number): Promise<Row[]> {
  const apis = [ours, peers.old.socket, peers.today.socket].map(openApi);
  const rows: Row[] = [];
  for (const { network, ...times } of aims) {
    const [mine = [], old = [], today = []] = await alternate(
      rounds,
      10,
      apis.map(api => () => cycle(api, network)),
    );
    const what = `create, start, wait, delete of \`true\`, ${network} network`;
    rows.push(compared(`${what}; peer: dockerd 20.10`, 'ms', mine, old, times.old));
    rows.push(compared(what, 'ms', mine, today, times.today));
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

/** Our engine on this host's kernel beside two dockerds, in one run: the one of Debian 12, and today's. */
export async function benchNative(rounds: number): Promise<Row[]> {
  const peers = { old: await startPeer({ which: 'old' }), today: await startPeer() };
  const engine = await startNativeEngine();
  try {
    const archive = await busyboxArchive();
    for (const { socket } of [engine, peers.old, peers.today])
      await succeed('docker', ['-H', `unix://${socket}`, 'load', '-q', '-i', archive]);
    await requireWholeWork(engine, (await engineProcesses(engine)).agent);
    return [...(await lives(engine.socket, peers, rounds)), ...(await memory(engine))];
  } finally {
    await engine.stop();
    await peers.old.stop();
    await peers.today.stop();
  }
}
