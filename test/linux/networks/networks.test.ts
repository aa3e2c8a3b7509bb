import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { listLinks, RouteConnection } from '../../../guest-agent/netlink/index.ts';
import { type ConnectRequest, type Networks, openNetworks, type Sandbox } from '../../../guest-agent/networks/index.ts';
import { Nftables } from '../../../guest-agent/syscalls/nftables.ts';
import { eventually, settled } from '../../support/eventually.ts';
import { datagramSocket, echo, enterOwnNetwork, newOptions, newRequest, run, serve, visit } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: networks need Linux and root');

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;
const web = { containerPort: 80, protocol: 'tcp' as const };

describe.skipIf(!usable)('containers on a bridge', () => {
  let world: ReturnType<typeof enterOwnNetwork>;
  let options: ReturnType<typeof newOptions>;
  let networks: Networks;
  const servers: Server[] = [];
  const descriptors: number[] = [];

  beforeAll(async () => {
    world = enterOwnNetwork();
    options = newOptions('berth7');
    networks = await openNetworks(options);
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    for (const fd of descriptors.splice(0)) closeSync(fd);
    for (const network of networks.list())
      for (const { id } of networks.endpoints(network.id)) await networks.release(id);
  });
  afterAll(async () => {
    await networks?.close({ removeAll: true });
    if (options) rmSync(options.folder, { recursive: true });
  });

  interface Container extends Sandbox {
    request: ConnectRequest;
    namespace: number;
  }
  async function start(more: Partial<ConnectRequest> = {}): Promise<Container> {
    const request = newRequest(options.folder, more);
    const sandbox = await networks.connect(request);
    const namespace = openSync(sandbox.namespacePath ?? '/proc/self/ns/net', 'r');
    descriptors.push(namespace);
    return { ...sandbox, request, namespace };
  }
  const serving = (namespace: number | undefined, port: number, name: string): void =>
    void servers.push(serve(namespace, port, name));

  it("reach the outside under the host's address", async () => {
    const container = await start();
    serving(world.neighbour, 7000, 'neighbour');
    expect(await visit(container.namespace, world.neighbourAddress, 7000)).toBe(`neighbour ${world.hostAddress}`);
  });

  it('reach each other by address, and know their names', async () => {
    const [one, two] = [await start(), await start()];
    serving(one.namespace, 80, 'one');
    const { ipAddress, gateway, macAddress } = one.endpoints.bridge ?? {};
    expect(await visit(two.namespace, ipAddress ?? '', 80)).toBe(`one ${two.endpoints.bridge?.ipAddress}`);
    expect(await run(one.namespace, 'ip', ['-o', 'addr', 'show', 'eth0'])).toContain(`inet ${ipAddress}/16`);
    expect(await run(one.namespace, 'ip', ['link', 'show', 'eth0'])).toContain(macAddress);
    expect(await run(one.namespace, 'ip', ['route'])).toContain(`default via ${gateway} dev eth0`);
    expect(readFileSync(one.files.hosts, 'utf8')).toContain(`${ipAddress}\t${one.request.hostname}\n`);
    expect(readFileSync(one.files.hostname, 'utf8')).toBe(`${one.request.hostname}\n`);
  });

  it('are published to everybody: neighbour, host, loopback, other containers and themselves', async () => {
    const container = await start({ ports: [{ ...web, hostPort: 8080 }] });
    const other = await start();
    serving(container.namespace, 80, 'web');
    const { gateway = '' } = container.endpoints.bridge ?? {};
    expect(await visit(world.neighbour, world.hostAddress, 8080)).toBe(`web ${world.neighbourAddress}`);
    expect(await visit(undefined, '127.0.0.1', 8080)).toMatch(/^web /);
    expect(await visit(undefined, world.hostAddress, 8080)).toMatch(/^web /);
    expect(await visit(other.namespace, world.hostAddress, 8080)).toMatch(/^web /);
    expect(await visit(other.namespace, gateway, 8080)).toMatch(/^web /);
    expect(await visit(container.namespace, gateway, 8080)).toMatch(/^web /);
    expect(container.ports['80/tcp']?.[0]).toEqual({ HostIp: '0.0.0.0', HostPort: '8080' });
    await networks.release(container.request.id);
    expect(await visit(undefined, '127.0.0.1', 8080, 1)).toBe('');
  });

  it('carry datagrams too', async () => {
    const container = await start({ ports: [{ containerPort: 53, protocol: 'udp', hostPort: 5353 }] });
    const echoing = echo(container.namespace, 53);
    const ask = `exec 3<>/dev/udp/${world.hostAddress}/5353; echo hello >&3; timeout 2 dd bs=64 count=1 status=none <&3`;
    expect(await run(world.neighbour, 'bash', ['-c', ask])).toBe('hello');
    echoing.close();
  });

  it('hear a sender who has been talking to the port since before they started', async () => {
    const sender = datagramSocket(world.neighbour, 0);
    const answers: string[] = [];
    sender.on('message', message => answers.push(String(message)));
    const before = unwanted();
    sender.send('too early', 5354, world.hostAddress);
    await eventually('nobody wants it', () => unwanted() > before);
    const container = await start({ ports: [{ containerPort: 53, protocol: 'udp', hostPort: 5354 }] });
    const echoing = echo(container.namespace, 53);
    sender.send('in time', 5354, world.hostAddress);
    await eventually('an answer', () => answers.length > 0).finally(() => {
      sender.close();
      echoing.close();
    });
    expect(answers).toEqual(['in time']);
  });

  it('published on loopback, or not at all, stay closed to a neighbour who knows the way', async () => {
    const container = await start({ ports: [{ ...web, hostPort: 8081, hostIp: '127.0.0.1' }] });
    serving(container.namespace, 80, 'web');
    expect(await visit(undefined, '127.0.0.1', 8081)).toMatch(/^web /);
    expect(await visit(world.neighbour, world.hostAddress, 8081, 1)).toBe('');
    expect(await visit(world.neighbour, container.endpoints.bridge?.ipAddress ?? '', 80, 1)).toBe('');
    expect(await visit(undefined, container.endpoints.bridge?.ipAddress ?? '', 80)).toMatch(/^web /);
  });

  it.each(['container', 'neighbour'])("do not open the host's loopback to a %s (CVE-2020-8558)", async who => {
    const container = await start({ ports: [{ ...web, hostPort: 8082, hostIp: '127.0.0.1' }] });
    const attacker = who === 'container' ? container.namespace : world.neighbour;
    const gateway = who === 'container' ? (container.endpoints.bridge?.gateway ?? '') : world.hostAddress;
    serving(container.namespace, 80, 'web');
    serving(undefined, 7100, 'secret');
    const script = [
      'sysctl -qw net.ipv4.conf.eth0.route_localnet=1',
      'ip route del local 127.0.0.0/8 dev lo table local',
      'ip route del local 127.0.0.1 dev lo table local',
      'ip addr del 127.0.0.1/8 dev lo',
      `ip route add 127.0.0.1 via ${gateway} dev eth0`,
    ].join('; ');
    await run(attacker, 'sh', ['-c', script]);
    expect(await visit(attacker, '127.0.0.1', 7100, 1)).toBe('');
    expect(await visit(attacker, '127.0.0.1', 8082, 1)).toBe('');
    expect(await visit(undefined, '127.0.0.1', 7100)).toMatch(/^secret /);
  });

  it("say in Docker's words that a port is taken, and take nothing then", async () => {
    const first = await start({ ports: [{ ...web, hostPort: 8090 }] });
    const again = newRequest(options.folder, {
      ports: [
        { ...web, hostPort: 8091 },
        { ...web, hostPort: 8090 },
      ],
    });
    await expect(networks.connect(again)).rejects.toThrow('Bind for 0.0.0.0:8090 failed: port is already allocated');
    const narrower = newRequest(options.folder, { ports: [{ ...web, hostPort: 8090, hostIp: '127.0.0.1' }] });
    await expect(networks.connect(narrower)).rejects.toThrow('Bind for 0.0.0.0:8090 failed: port is already allocated');
    const foreign = createServer().listen({ port: 8092 });
    servers.push(foreign);
    const third = newRequest(options.folder, {
      ports: [
        { ...web, hostPort: 8091 },
        { ...web, hostPort: 8092 },
      ],
    });
    await expect(networks.connect(third)).rejects.toThrow(
      'failed to bind host port 0.0.0.0:8092/tcp: address already in use',
    );
    await networks.release(first.request.id);
    await networks.release(first.request.id);
    await start({
      ports: [
        { ...web, hostPort: 8090 },
        { ...web, hostPort: 8091 },
      ],
    });
    const taken = createServer();
    await expect(
      new Promise((resolve, reject) => taken.once('error', reject).listen(8090, () => resolve('free'))),
    ).rejects.toThrow('EADDRINUSE');
  });

  it('get a free port when they do not care which, from a range if they say so', async () => {
    const sandbox = await start({
      exposed: ['80/tcp', '81/tcp'],
      publishAll: true,
      ports: [{ ...web, hostPort: 8100, hostPortEnd: 8102 }],
    });
    const next = await start({ ports: [{ ...web, hostPort: 8100, hostPortEnd: 8102 }] });
    expect(sandbox.ports['80/tcp']?.[0]).toEqual({ HostIp: '0.0.0.0', HostPort: '8100' });
    expect(Number(sandbox.ports['81/tcp']?.[0]?.HostPort)).toBeGreaterThan(1024);
    expect(next.ports['80/tcp']?.[0]?.HostPort).toBe('8101');
  });

  it("have none, the host's, or another container's network", async () => {
    const none = await start({ mode: 'none' });
    expect((await run(none.namespace, 'ip', ['-br', 'link'])).split('\n')).toHaveLength(1);
    const host = await start({ mode: 'host' });
    expect(host.namespacePath).toBeUndefined();
    const owner = await start();
    const shared = await start({ mode: `container:${owner.request.id}` });
    expect(shared.namespacePath).toBe(owner.namespacePath);
    expect(shared.files).toEqual(owner.files);
    const lost = newRequest(options.folder, { mode: `container:${'f'.repeat(64)}` });
    await expect(networks.connect(lost)).rejects.toThrow('cannot join network of a non running container');
    await networks.release(shared.request.id);
    expect(Object.keys(networks.statistics(owner.request.id))).toEqual(['eth0']);
    for (const one of [none, host]) await networks.release(one.request.id);
  });

  it('count their bytes from the inside', async () => {
    const container = await start();
    serving(container.namespace, 80, 'x'.repeat(100_000));
    await visit(undefined, container.endpoints.bridge?.ipAddress ?? '', 80);
    const { eth0 } = networks.statistics(container.request.id);
    expect(eth0?.txBytes).toBeGreaterThan(100_000);
    expect(eth0?.rxBytes).toBeLessThan(eth0?.txBytes ?? 0);
  });

  it.each<[string, Partial<ConnectRequest>]>([
    ['a bad extra host', { extraHosts: ['nonsense'] }],
    ['an address on the default network', { networks: { bridge: { ipAddress: '172.17.0.9' } } }],
    ['a network that is not there', { networks: { nosuch: {} } }],
    ['an address that is impossible', { macAddress: 'ff:ff:ff:ff:ff:ff' }],
    ['a folder that is not there', { directory: '/nonexistent' }],
  ])('fail for %s and leave nothing behind', async (_, wrong) => {
    const before = await settled('the pool is full', openDescriptors);
    const request = newRequest(options.folder, { ports: [{ ...web, hostPort: 8400 }], ...wrong });
    await expect(networks.connect(request)).rejects.toThrow('failed to set up container networking: ');
    await eventually('the pool is full again', () => openDescriptors() === before);
    const { endpoints } = await start({ ports: [{ ...web, hostPort: 8400 }] });
    expect(endpoints.bridge?.ipAddress).toBe('172.17.0.2');
  });

  it('work again after somebody has flushed all rules', async () => {
    const first = await start({ ports: [{ ...web, hostPort: 8300 }] });
    serving(first.namespace, 80, 'first');
    const nft = new Nftables();
    nft.run('flush ruleset');
    nft.close();
    await start({ ports: [{ ...web, hostPort: 8301 }] });
    expect(await visit(world.neighbour, world.hostAddress, 8300)).toMatch(/^first /);
  });

  it('come and go a hundred times on one port and leave nothing', async () => {
    const host = new RouteConnection();
    const nft = new Nftables();
    for (let round = 0; round < 100; round++) {
      const { request, endpoints } = await start({ ports: [{ ...web, hostPort: 8200 }] });
      expect(endpoints.bridge?.ipAddress).toBe('172.17.0.2');
      await networks.release(request.id);
      closeSync(descriptors.pop() ?? -1);
    }
    await eventually('links are gone', () => listLinks(host).filter(link => link.kind === 'veth').length < 8);
    expect(nft.run('list table ip berth_berth7')).not.toContain('elements');
    host.close();
    nft.close();
  });
});

/** Datagrams that came to this network for a port on which nobody listens. */
function unwanted(): number {
  const [names = '', values = ''] = readFileSync('/proc/thread-self/net/snmp', 'utf8').match(/^Udp: .*$/gm) ?? [];
  return Number(values.split(' ')[names.split(' ').indexOf('NoPorts')]);
}
