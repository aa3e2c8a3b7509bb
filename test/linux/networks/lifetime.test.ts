import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findLink, listLinks, RouteConnection } from '../../../guest-agent/netlink/index.ts';
import { type Networks, openNetworks, type Sandbox } from '../../../guest-agent/networks/index.ts';
import { inNetworkNamespace } from '../../../guest-agent/syscalls/network-namespace.ts';
import { Nftables } from '../../../guest-agent/syscalls/nftables.ts';
import { eventually } from '../../support/eventually.ts';
import { enterOwnNetwork, newOptions, newRequest, serve, visit } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: networks need Linux and root');

const web = { containerPort: 80, protocol: 'tcp' as const };

describe.skipIf(!usable)('networks', () => {
  let world: ReturnType<typeof enterOwnNetwork>;
  let host: RouteConnection;
  const open: Networks[] = [];
  const folders: string[] = [];
  const processes: ChildProcess[] = [];

  beforeAll(() => {
    world = enterOwnNetwork();
    host = new RouteConnection();
  });
  afterEach(async () => {
    for (const networks of open.splice(0)) await networks.close({ removeAll: true });
    for (const child of processes.splice(0)) child.kill('SIGKILL');
    await eventually('all links are gone', () => veths().length === 0);
    expect(new Nftables().run('list ruleset')).toBe('');
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  const veths = (): string[] =>
    listLinks(host)
      .filter(link => link.kind === 'veth' && link.name !== 'out0')
      .map(link => link.name);
  function optionsFor(bridge: string): ReturnType<typeof newOptions> {
    const options = newOptions(bridge);
    folders.push(options.folder);
    return options;
  }
  async function begin(options: ReturnType<typeof newOptions>): Promise<Networks> {
    const networks = await openNetworks(options);
    open.push(networks);
    return networks;
  }
  /** The engine dies: nobody cleans up, only its descriptors close. */
  async function crash(networks: Networks): Promise<void> {
    open.splice(open.indexOf(networks), 1);
    await networks.close({ removeAll: false });
  }
  /** A process that lives in a sandbox, as a container's would. */
  function inhabit(sandbox: Sandbox): { pid: number; namespace: number } {
    const namespace = openSync(sandbox.namespacePath ?? '', 'r');
    const child = inNetworkNamespace(namespace, () => spawn('sleep', ['60'], { stdio: 'ignore' }));
    processes.push(child);
    return { pid: child.pid ?? 0, namespace };
  }

  it('outlive an engine that dies: the port answers, is taken back, and goes when the container goes', async () => {
    const options = optionsFor('berth8');
    const first = await begin(options);
    const request = newRequest(options.folder, { ports: [{ ...web, hostPort: 8080 }] });
    const sandbox = await first.connect(request);
    const { pid, namespace } = inhabit(sandbox);
    const server = serve(namespace, 80, 'web');
    const lost = await first.connect(newRequest(options.folder, { ports: [{ ...web, hostPort: 8081 }] }));
    const lostProcess = inhabit(lost); // runs on, but the next engine does not know it
    await crash(first);
    expect(await visit(world.neighbour, world.hostAddress, 8080)).toMatch(/^web /);

    const second = await begin(options);
    expect(second.get('bridge').id).toBe(first.get('bridge').id);
    const again = await second.reattach(request.id, structuredClone(sandbox.record), pid);
    await second.reconcile();
    expect(again.endpoints).toEqual(sandbox.endpoints);
    expect(await visit(world.neighbour, world.hostAddress, 8080)).toMatch(/^web /);
    expect(Object.keys(second.statistics(request.id))).toEqual(['eth0']);
    const rules = new Nftables().run('list map ip berth_berth8 tcp_anywhere');
    expect(rules).toContain('8080 :');
    expect(rules).not.toContain('8081 :');
    const { hostInterface } = lost.endpoints.bridge ?? {};
    expect(veths()).not.toContain(hostInterface);
    await expect(second.connect(newRequest(options.folder, { ports: [{ ...web, hostPort: 8080 }] }))).rejects.toThrow(
      'port is already allocated',
    );
    const newcomer = await second.connect(newRequest(options.folder));
    expect(newcomer.endpoints.bridge?.ipAddress).toBe('172.17.0.3');

    await second.release(request.id);
    expect(await visit(world.neighbour, world.hostAddress, 8080, 1)).toBe('');
    server.close();
    for (const fd of [namespace, lostProcess.namespace]) closeSync(fd);
  });

  it('say so when a port was taken while the engine was away, and go on', async () => {
    const options = optionsFor('berth8');
    const first = await begin({ ...options });
    const request = newRequest(options.folder, { ports: [{ ...web, hostPort: 8085 }] });
    const sandbox = await first.connect(request);
    const { pid, namespace } = inhabit(sandbox);
    await crash(first);
    const thief = createServer().listen({ port: 8085 });
    const messages: string[] = [];
    const log = { ...options.log, error: (message: string) => void messages.push(message) };
    const second = await begin({ ...options, log });
    const again = await second.reattach(request.id, sandbox.record, pid);
    expect(messages.join()).toContain('taken by somebody else');
    expect(again.ports).toEqual({});
    thief.close();
    closeSync(namespace);
  });

  it('of two engines side by side do not disturb each other', async () => {
    const [optionsOne, optionsTwo] = [optionsFor('berth8'), optionsFor('berth9')];
    const [one, two] = [await begin(optionsOne), await begin(optionsTwo)];
    expect(one.get('bridge').ipam.config[0]?.subnet).toBe('172.17.0.0/16');
    expect(two.get('bridge').ipam.config[0]?.subnet).toBe('172.18.0.0/16');
    const mine = await one.connect(newRequest(optionsOne.folder, { ports: [{ ...web, hostPort: 8080 }] }));
    const theirs = await two.connect(newRequest(optionsTwo.folder, { ports: [{ ...web, hostPort: 8081 }] }));
    const [inside, outside] = [mine, theirs].map(({ namespacePath }) => openSync(namespacePath ?? '', 'r'));
    const server = serve(inside, 80, 'one');
    await expect(two.connect(newRequest(optionsTwo.folder, { ports: [{ ...web, hostPort: 8080 }] }))).rejects.toThrow(
      'failed to bind host port 0.0.0.0:8080/tcp: address already in use',
    );
    expect(await visit(outside, world.hostAddress, 8080)).toMatch(/^one /);
    expect(await visit(outside, mine.endpoints.bridge?.ipAddress ?? '', 80, 1)).toBe('');
    open.splice(open.indexOf(two), 1);
    await two.close({ removeAll: true });
    expect(findLink(host, 'berth9')).toBeUndefined();
    expect(await visit(world.neighbour, world.hostAddress, 8080)).toMatch(/^one /);
    server.close();
    for (const fd of [inside, outside]) if (fd !== undefined) closeSync(fd);
  });

  it('of engines that start at the same moment never overlap', async () => {
    const program = `
      import { openNetworks } from '${process.cwd()}/guest-agent/networks/index.ts';
      import { createLog } from '${process.cwd()}/base/log.ts';
      const [root, name] = process.argv.slice(2);
      const networks = await openNetworks({ root, execRoot: root, bridge: { name }, poolSize: 0, log: createLog() });
      console.log(networks.get('bridge').ipam.config[0].subnet);
      process.stdin.once('data', () => networks.close({ removeAll: true }).then(() => process.exit()));`;
    const file = join(optionsFor('berth8').folder, 'engine.ts');
    writeFileSync(file, program);
    const engines = ['bertha', 'berthb', 'berthc', 'berthd'].map(name => {
      const child = spawn(process.execPath, [file, optionsFor(name).root, name], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      return { child, subnet: once(child.stdout, 'data').then(String) };
    });
    const subnets = await Promise.all(engines.map(({ subnet }) => subnet));
    expect(new Set(subnets).size).toBe(4);
    for (const { child } of engines) {
      child.stdin.write('end\n');
      await once(child, 'exit');
    }
  });

  it('of a user are made, found, used apart from each other, kept over a restart, and removed', async () => {
    const options = optionsFor('berth8');
    const first = await begin(options);
    const blue = await first.create({
      name: 'blue',
      ipam: { config: [{ subnet: '10.77.0.0/24' }] },
      labels: { a: 'b' },
    });
    const green = await first.create({ name: 'green', internal: true });
    expect(first.get(blue.id.slice(0, 6))).toEqual(blue);
    expect(green.ipam.config[0]?.subnet).toBe('172.18.0.0/16');
    await expect(first.create({ name: 'blue' })).rejects.toThrow('network with name blue already exists');
    await expect(first.create({ name: 'host' })).rejects.toThrow(
      'operation is not permitted on predefined host network',
    );
    await expect(first.create({ name: 'x', driver: 'overlay' })).rejects.toThrow('This node is not a swarm manager');
    await expect(first.remove('bridge')).rejects.toThrow('bridge is a pre-defined network and cannot be removed');
    await expect(first.remove('red')).rejects.toThrow('network red not found');

    const both = { green: {}, blue: { ipAddress: '10.77.0.77' } };
    const one = await first.connect(newRequest(options.folder, { name: 'one', mode: 'blue', networks: both }));
    const two = await first.connect(newRequest(options.folder, { mode: 'green' }));
    expect(Object.values(one.endpoints).map(end => [end.interfaceName, end.ipAddress])).toEqual([
      ['eth0', '10.77.0.77'],
      ['eth1', '172.18.0.2'],
    ]);
    const [inOne, inTwo] = [one, two].map(({ namespacePath }) => openSync(namespacePath ?? '', 'r'));
    const servers = [serve(inOne, 80, 'one'), serve(world.neighbour, 7000, 'neighbour')];
    expect(await visit(inTwo, '172.18.0.2', 80)).toBe('one 172.18.0.3');
    expect(await visit(inOne, world.neighbourAddress, 7000)).toBe(`neighbour ${world.hostAddress}`);
    expect(await visit(inTwo, world.neighbourAddress, 7000, 1)).toBe('');
    await expect(first.remove('blue')).rejects.toThrow(
      `error while removing network: network blue has active endpoints (name:"one" id:"${one.record.id.slice(0, 12)}")`,
    );
    for (const server of servers) server.close();
    for (const fd of [inOne, inTwo]) if (fd !== undefined) closeSync(fd);
    for (const { record } of [one, two]) await first.release(record.id);

    await crash(first);
    const second = await begin(options);
    expect(second.get('blue')).toEqual(blue);
    await second.remove('blue');
    expect(findLink(host, blue.bridge ?? '')).toBeUndefined();
    expect(await second.prune(network => network.name === 'green')).toEqual([]);
    expect(await second.prune(() => false)).toEqual(['green']);
    expect(readdirSync(options.root).filter(name => name.endsWith('.json'))).toHaveLength(3);
  });
});
