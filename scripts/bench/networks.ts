import { join } from 'node:path';
import { command, succeed } from '../../test/support/command.ts';
import { startNativeEngine } from '../../test/support/engine.ts';
import { eventually } from '../../test/support/eventually.ts';
import { pythonArchive } from '../../test/support/images.ts';
import { startPeer } from '../../test/support/peer.ts';
import { atLeast, compared, limited, median, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

const port = '8097';
const megabytes = 1500;
const connections = 1500;

/** On one port as many bytes as the visitor asks for, or one and goodbye: what a connection costs. */
const server = `
import socket,threading
block=bytes(1<<18)
def serve(c):
  n=int(c.recv(16)); 
  while n>0: n-=c.send(block[:n])
  c.close()
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('',80)); s.listen(1024)
while True:
  c,_=s.accept(); threading.Thread(target=serve,args=(c,)).start()`;

/** Seconds that a visitor needs, to standard output. */
const visitor = `
import socket,sys,time
host,port,count,size=sys.argv[1],int(sys.argv[2]),int(sys.argv[3]),int(sys.argv[4]); buffer=bytearray(1<<18)
began=time.perf_counter()
for _ in range(count):
  s=socket.create_connection((host,port)); s.send(b'%d'%size); left=size
  while left>0:
    n=s.recv_into(buffer)
    assert n>0
    left-=n
  s.close()
print(time.perf_counter()-began)`;

/** A server in a container of an engine, and how it is visited from that engine's host. */
interface Served {
  address: string;
  visit(host: string, port: string, count: number, bytes: number): Promise<number>;
}

async function serve(socket: string, enter: readonly string[]): Promise<Served> {
  const docker = (...args: string[]): Promise<string> => succeed('docker', ['-H', `unix://${socket}`, ...args]);
  await docker('load', '-q', '-i', await pythonArchive());
  await docker('run', '-d', '--name', 'server', '-p', `${port}:80`, 'debian-python', 'python3', '-c', server);
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  const address = (await docker('inspect', 'server', '--format', format)).trim();
  const visit: Served['visit'] = async (host, at, count, bytes) => {
    const [program = 'python3', ...args] = [...enter, 'python3', '-c', visitor, host, at, `${count}`, `${bytes}`];
    return Number(await succeed(program, args));
  };
  await eventually('the server serves', () => visit(address, '80', 1, 1));
  return { address, visit };
}

/** An address of the engine's host from which packets are translated by the kernel alone. */
async function hostAddress(enter: readonly string[], bridge: string): Promise<string> {
  const [program = 'ip', ...args] = [...enter, 'ip', '-4', '-o', 'addr', 'show', bridge];
  return /inet ([\d.]+)/.exec((await command(program, args)).stdout)?.[1] ?? '127.0.0.1';
}

const programFile = join(import.meta.dirname, 'network-room.ts');

async function rooms(): Promise<Row[]> {
  const said = await succeed(process.execPath, [programFile], { timeoutMs: 120_000 });
  const took = JSON.parse(said) as Record<'start' | 'firstTen' | 'lastTen' | 'namedStart' | 'question', number>;
  return [
    limited('the network part of a start, default network', 'ms', took.start, 3),
    limited('the network part of a start, network with names', 'ms', took.namedStart, 3),
    limited('the last ten of 200 on one bridge, beside the first ten', '×', took.lastTen / took.firstTen, 1.2),
    limited('a question for one of 1,000 names, p99', 'ms', took.question, 2),
  ];
}

async function ports(rounds: number): Promise<Row[]> {
  const peer = await startPeer({ userlandProxy: false });
  const engine = await startNativeEngine();
  try {
    const [mine, theirs] = [await serve(engine.socket, []), await serve(peer.socket, peer.enter)];
    const bytes = megabytes * 1_000_000;
    const outer = await hostAddress(peer.enter, 'docker0');
    const [direct = [], published = []] = await alternate(rounds, 1, [
      () => mine.visit(mine.address, '80', 1, bytes),
      () => mine.visit('127.0.0.1', port, 1, bytes),
    ]);
    const perConnection =
      (served: Served, host: string, at = port) =>
      async (): Promise<number> =>
        ((await served.visit(host, at, connections, 1)) / connections) * 1000;
    const own = await hostAddress([], engine.bridge);
    const [ours = [], others = [], oursDirect = [], othersDirect = []] = await alternate(rounds, 1, [
      perConnection(mine, own),
      perConnection(theirs, outer),
      perConnection(mine, mine.address, '80'),
      perConnection(theirs, theirs.address, '80'),
    ]);
    return [
      atLeast(
        "a published port beside the container's own address, throughput",
        '%',
        (median(direct) / median(published)) * 100,
        95,
      ),
      compared('a connection through a published port, dockerd without its proxy', 'ms', ours, others, 1),
      // Without an aim: how much of the row above is not the port's, but the server's, the link's, the namespace's.
      { ...compared("a connection to the container's own address", 'ms', oursDirect, othersDirect, 0), aim: '' },
    ];
  } finally {
    await engine.stop();
    await peer.stop();
  }
}

/** What a container's network costs. */
export async function benchNetworks(rounds: number): Promise<Row[]> {
  return [...(await rooms()), ...(await ports(rounds))];
}
