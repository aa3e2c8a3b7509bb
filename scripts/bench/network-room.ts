import { closeSync, openSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openNetworks, type Sandbox } from '../../guest-agent/networks/index.ts';
import { enterOwnNetwork, newOptions, newRequest, run } from '../../test/linux/networks/own-network.ts';
import { median } from './numbers.ts';

/*
 * A program of its own, for it moves into a network namespace of its own: what the network part of many starts takes, and
 * what questions for names take. Prints milliseconds as JSON.
 */

const containers = 200;
const aliasesEach = 5; // with their own names a thousand and more
/** Between starts other parts of a start pass, in which namespaces are made ready. */
const restMs = 8;

const asker = `
import socket,struct,time
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(5); s.connect(('127.0.0.11',53)); times=[]
for i in range(3000):
  name='alias-%d-%d'%(i%${containers},i%${aliasesEach})
  q=struct.pack('>HHHHHH',i,256,1,0,0,0)+bytes([len(name)])+name.encode()+b'\\0\\0\\1\\0\\1'
  t=time.perf_counter(); s.send(q); r=s.recv(512); times.append(time.perf_counter()-t)
  assert struct.unpack('>H',r[6:8])[0]==1 and r[:2]==q[:2]
print(' '.join('%.4f'%(t*1000) for t in times))`;

enterOwnNetwork();
const options = newOptions('berthbench');
const networks = await openNetworks(options);
await networks.create({ name: 'names' });

/** Milliseconds for each of the containers' networks. */
async function connected(mode: string): Promise<{ times: number[]; sandboxes: Sandbox[] }> {
  const times: number[] = [];
  const sandboxes: Sandbox[] = [];
  for (let number = 0; number < containers; number++) {
    const aliases = Array.from({ length: aliasesEach }, (_, alias) => `alias-${number}-${alias}`);
    const request = newRequest(options.folder, { mode, ...(mode === 'names' && { networks: { names: { aliases } } }) });
    await sleep(restMs);
    const began = performance.now();
    sandboxes.push(await networks.connect(request));
    times.push(performance.now() - began);
  }
  return { times, sandboxes };
}

async function released(sandboxes: readonly Sandbox[]): Promise<void> {
  for (const { record } of sandboxes) await networks.release(record.id);
}

const bridge = await connected('bridge');
await released(bridge.sandboxes);
const named = await connected('names');
const inside = openSync(named.sandboxes[0]?.namespacePath ?? '', 'r');
const asked = (await run(inside, 'python3', ['-c', asker])).split(' ').map(Number);
closeSync(inside);
await released(named.sandboxes);
await networks.close({ removeAll: true });
rmSync(options.folder, { recursive: true });
const sorted = asked.toSorted((one, other) => one - other);
process.stdout.write(
  JSON.stringify({
    start: median(bridge.times),
    firstTen: median(bridge.times.slice(0, 10)),
    lastTen: median(bridge.times.slice(-10)),
    namedStart: median(named.times),
    question: sorted[Math.floor(sorted.length * 0.99)],
  }),
);
