import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { decode, encode, type Packet } from 'dns-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerId } from '../../../contracts/brand.ts';
import { listLinks, RouteConnection } from '../../../guest-agent/netlink/index.ts';
import { type ConnectRequest, type Networks, openNetworks, type Sandbox } from '../../../guest-agent/networks/index.ts';
import { inNetworkNamespace } from '../../../guest-agent/syscalls/network-namespace.ts';
import { AF_INET, bindSocket, inetAddress, openSocket, SOCK_DGRAM } from '../../../guest-agent/syscalls/socket.ts';
import { datagramSocket, enterOwnNetwork, newOptions, newRequest, run } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: networks need Linux and root');

type Type = 'A' | 'AAAA' | 'PTR' | 'MX' | 'TXT';

describe.skipIf(!usable)('the name service', () => {
  let world: ReturnType<typeof enterOwnNetwork>;
  let options: ReturnType<typeof newOptions>;
  let networks: Networks;
  const descriptors: number[] = [];
  const processes: ChildProcess[] = [];

  beforeAll(async () => {
    world = enterOwnNetwork();
    options = newOptions('berth8');
    networks = await openNetworks(options);
    await networks.create({ name: 'blue', ipam: { config: [{ subnet: '10.77.0.0/16' }] } });
    await networks.create({ name: 'inner', internal: true, ipam: { config: [{ subnet: '10.78.0.0/16' }] } });
  });
  afterEach(() => {
    for (const fd of descriptors.splice(0)) closeSync(fd);
    for (const child of processes.splice(0)) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await networks.close({ removeAll: true });
    rmSync(options.folder, { recursive: true });
  });

  async function begin(more: Partial<ConnectRequest>): Promise<{ sandbox: Sandbox; inside: number }> {
    const sandbox = await networks.connect({
      ...newRequest(options.folder, { mode: 'blue', ...more }),
      id: randomBytes(32).toString('hex') as ContainerId,
    });
    const inside = openSync(sandbox.namespacePath ?? '', 'r');
    descriptors.push(inside);
    return { sandbox, inside };
  }

  /** One question as a container's libc asks it. */
  function ask(
    inside: number,
    name: string,
    type: Type = 'A',
    more: Partial<Packet> = {},
  ): Promise<ReturnType<typeof decode>> {
    const socket = datagramSocket(inside, 0);
    const packet = encode({ type: 'query', id: 4711, flags: 256, questions: [{ name, type }], ...more });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer for ${name}`)), 8000);
      socket.once('message', message => {
        clearTimeout(timer);
        socket.close();
        resolve(decode(message));
      });
      socket.send(packet, 53, '127.0.0.11');
    });
  }
  const addresses = async (inside: number, name: string, type: Type = 'A'): Promise<unknown[]> =>
    ((await ask(inside, name, type)).answers ?? []).map(answer => ('data' in answer ? answer.data : undefined)).sort();

  it('knows names, aliases, ids and addresses of the network, and nobody else does', async () => {
    const one = await begin({ name: 'one', networks: { blue: { aliases: ['both', 'Uno'] } } });
    const two = await begin({ name: 'two', networks: { blue: { aliases: ['both'] }, inner: {} } });
    const other = await begin({ name: 'other', mode: 'inner', networks: { inner: { aliases: ['both'] } } });
    const ofOne = one.sandbox.endpoints.blue?.ipAddress ?? '';
    const ofTwo = two.sandbox.endpoints.blue?.ipAddress ?? '';
    expect(await addresses(two.inside, 'one')).toEqual([ofOne]);
    expect(await addresses(two.inside, 'ONE.blue.')).toEqual([ofOne]);
    expect(await addresses(two.inside, 'uno')).toEqual([ofOne]);
    expect(await addresses(two.inside, one.sandbox.record.id.slice(0, 12))).toEqual([ofOne]);
    expect(await addresses(two.inside, 'both')).toEqual([ofOne, ofTwo].sort());
    expect(await addresses(two.inside, 'other')).toEqual([other.sandbox.endpoints.inner?.ipAddress]);
    expect(await addresses(two.inside, `${ofOne.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR')).toEqual([
      'one.blue',
    ]);
    const unknown = await ask(other.inside, 'one');
    expect([rcodeOf(unknown), unknown.answers]).toEqual([serverFailure, []]);
    for (const type of ['AAAA', 'MX'] as const) {
      const nothing = await ask(two.inside, 'one', type);
      expect([rcodeOf(nothing), nothing.answers]).toEqual([0, []]);
    }
    for (const { sandbox } of [one, two, other]) await networks.release(sandbox.record.id);
  });

  it('shares visitors between containers of one name, cuts what is too long, and says it all by TCP', async () => {
    const many = await Promise.all(
      Array.from({ length: 60 }, (_, n) => begin({ name: `many${n}`, networks: { blue: { aliases: ['service'] } } })),
    );
    const { inside } = many[0] as (typeof many)[0];
    const firsts = new Set<unknown>();
    for (let round = 0; round < 20; round++) firsts.add((await ask(inside, 'service', 'A', edns(4096))).answers?.[0]);
    expect(firsts.size).toBeGreaterThan(3);
    const short = await ask(inside, 'service');
    expect([short.flag_tc, (short.answers?.length ?? 0) < 60, encode(short).length <= 512]).toEqual([true, true, true]);
    const long = await ask(inside, 'service', 'A', edns(4096));
    expect([long.flag_tc, long.answers?.length]).toEqual([false, 60]);
    const script = `
import socket,struct
s=socket.create_connection(('127.0.0.11',53)); q=bytes.fromhex('${encode({ type: 'query', id: 7, flags: 256, questions: [{ name: 'service', type: 'A' }] }).toString('hex')}')
for half in (struct.pack('>H',len(q))+q[:5], q[5:]): s.sendall(half)
n=struct.unpack('>H',s.recv(2))[0]; r=b''
while len(r)<n: r+=s.recv(4096)
print(struct.unpack('>H',r[6:8])[0])`;
    expect(await run(inside, 'python3', ['-c', script])).toBe('60');
    for (const { sandbox } of many) await networks.release(sandbox.record.id);
  });

  it("asks the container's own name servers from its network, passes on what they say, and lets go of a silent one", async () => {
    const heard: string[] = [];
    const fd = inNetworkNamespace(world.neighbour, () => openSocket(AF_INET, SOCK_DGRAM));
    bindSocket(fd, inetAddress(Buffer.alloc(4), 53));
    const server = createSocket('udp4').bind({ fd });
    server.on('message', (message, from) => {
      heard.push(from.address);
      const { id, questions } = decode(message);
      const forged = encode({ type: 'response', id: ((id ?? 0) + 1) % 65536, questions, answers: [] });
      const data = encode({
        type: 'response',
        id,
        questions,
        answers: [{ name: questions?.[0]?.name ?? '', type: 'A', ttl: 5, data: '203.0.113.9' }],
      });
      server.send(forged, from.port, from.address);
      server.send(data, from.port, from.address);
    });
    const asking = await begin({ name: 'asking', dns: ['192.0.2.77', world.neighbourAddress] });
    expect(await addresses(asking.inside, 'www.example.com')).toEqual(['203.0.113.9']);
    expect(heard).toEqual([world.hostAddress]);
    const resolver = readFileSync(asking.sandbox.files.resolvConf, 'utf8');
    expect(resolver).toContain('nameserver 127.0.0.11\noptions ');
    expect(resolver).toContain(`# ExtServers: [192.0.2.77 ${world.neighbourAddress}]`);
    server.close();
    await networks.release(asking.sandbox.record.id);
  });

  it('leaves port 53 to a container that serves names itself, on every address', async () => {
    const server = await begin({ name: 'server' });
    const own = datagramSocket(server.inside, 53);
    const heard = new Promise(resolve => own.once('message', resolve));
    expect(await addresses(server.inside, 'server')).toHaveLength(1);
    const sender = datagramSocket(server.inside, 0);
    sender.send('to the container', 53, '127.0.0.1');
    expect(String(await heard)).toBe('to the container');
    sender.close();
    own.close();
    await networks.release(server.sandbox.record.id);
  });

  it('is opened again by the engine that comes after one that died', async () => {
    const one = await begin({ name: 'one' });
    const two = await begin({ name: 'two' });
    const pids = [one, two].map(({ inside }) => {
      const child = inNetworkNamespace(inside, () => spawn('sleep', ['60'], { stdio: 'ignore' }));
      processes.push(child);
      return child.pid ?? 0;
    });
    await networks.close({ removeAll: false });
    networks = await openNetworks(options);
    for (const [index, { sandbox }] of [one, two].entries())
      await networks.reattach(sandbox.record.id, structuredClone(sandbox.record), pids[index] ?? 0);
    await networks.reconcile();
    expect(await addresses(one.inside, 'two')).toEqual([two.sandbox.endpoints.blue?.ipAddress]);
    for (const { sandbox } of [one, two]) await networks.release(sandbox.record.id);
  });

  it('of a container that joins and leaves networks comes and goes with them, whenever the engine dies', async () => {
    const moving = await begin({ name: 'moving', mode: 'bridge' });
    const { id } = moving.sandbox.record;
    const child = inNetworkNamespace(moving.inside, () => spawn('sleep', ['60'], { stdio: 'ignore' }));
    processes.push(child);
    const links = (): string => inNetworkNamespace(moving.inside, () => linkNames().join());
    const again = async (record: Sandbox['record']): Promise<void> => {
      await networks.close({ removeAll: false });
      networks = await openNetworks(options);
      await networks.reattach(id, structuredClone(record), child.pid ?? 0);
      await networks.reconcile();
    };
    const staying = await begin({ name: 'staying' });
    const before = structuredClone(moving.sandbox.record);
    const joined = networks.join(id, 'blue', { aliases: ['nomad'] });
    expect(links()).toBe('eth0,eth1,lo');
    expect(await addresses(staying.inside, 'nomad')).toEqual([joined.endpoints.blue?.ipAddress]);
    expect(await addresses(moving.inside, 'staying')).toHaveLength(1);
    await networks.release(staying.sandbox.record.id);
    await again(before); // died before it wrote down that the container had joined
    expect(links()).toBe('eth0,lo');
    const { record } = networks.join(id, 'blue', {});
    await again(record);
    expect(links()).toBe('eth0,eth1,lo');
    expect(await addresses(moving.inside, 'moving')).toHaveLength(1);
    const without = { ...record, endpoints: record.endpoints.filter(({ networkName }) => networkName !== 'blue') };
    await again(without); // died after it wrote down that the container had left
    expect(links()).toBe('eth0,lo');
    expect(() => networks.join(id, 'blue', { driverOptions: { 'com.docker.network.endpoint.sysctls': 'x' } })).toThrow(
      'unrecognised network interface sysctl',
    );
    expect(links()).toBe('eth0,lo');
    expect(networks.endpoints(networks.get('blue').id)).toEqual([]);
    await networks.release(id);
  });

  it('knows a thousand names', async () => {
    const request = (n: number) => newRequest(options.folder, { name: `n${n}`, mode: 'blue' });
    const sandboxes: Sandbox[] = [];
    for (let n = 0; n < 150; n++) {
      const aliases = [...Array(7).keys()].map(alias => `alias-${n}-${alias}`);
      sandboxes.push(await networks.connect({ ...request(n), networks: { blue: { aliases } } }));
    }
    const inside = openSync(sandboxes[0]?.namespacePath ?? '', 'r');
    descriptors.push(inside);
    const expected = sandboxes.map(({ endpoints }) => endpoints.blue?.ipAddress);
    const answers = (await askForAll(inside)).split(' ');
    expect(answers).toEqual(Array.from({ length: 1050 }, (_, n) => expected[n % 150]));
    for (const { record } of sandboxes) await networks.release(record.id);
  }, 60_000);

  /** The addresses of all aliases; a program of its own asks, so that its work is not in the same loop as the answer. */
  const askForAll = (inside: number): Promise<string> =>
    run(inside, 'python3', [
      '-c',
      `
import socket,struct
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(5); s.connect(('127.0.0.11',53)); answers=[]
for i in range(1050):
  name='alias-%d-%d'%(i%150,i//150)
  q=struct.pack('>HHHHHH',i,256,1,0,0,0)+bytes([len(name)])+name.encode()+b'\\0\\0\\1\\0\\1'
  s.send(q); r=s.recv(512)
  assert struct.unpack('>H',r[6:8])[0]==1 and r[:2]==q[:2]
  answers.append(socket.inet_ntoa(r[-4:]))
print(' '.join(answers))`,
    ]);

  it('survives whatever a container sends', async () => {
    const { sandbox, inside } = await begin({ name: 'odd' });
    const socket = datagramSocket(inside, 0);
    const query = encode({ type: 'query', id: 1, flags: 256, questions: [{ name: 'odd', type: 'A' }] });
    const odd = [
      Buffer.alloc(0),
      Buffer.alloc(1),
      query.subarray(0, 13),
      Buffer.alloc(60_000, 0xc0),
      Buffer.from(query),
    ];
    odd[4]?.writeUInt16BE(0x8180, 2);
    for (let length = 0; length < 200; length++)
      odd.push(Buffer.from(Array.from({ length }, () => Math.random() * 256)));
    for (const message of odd) socket.send(message, 53, '127.0.0.11');
    socket.close();
    expect(await addresses(inside, 'odd')).toEqual([sandbox.endpoints.blue?.ipAddress]);
    await networks.release(sandbox.record.id);
  });
});

const linkNames = (): string[] => {
  const connection = new RouteConnection();
  const names = listLinks(connection).map(({ name }) => name);
  connection.close();
  return names.sort();
};

const serverFailure = 2;
const rcodeOf = ({ flags = 0 }: Packet): number => flags & 0b1111;

const edns = (udpPayloadSize: number): Partial<Packet> => ({
  additionals: [
    { type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
  ],
});
