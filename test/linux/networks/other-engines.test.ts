import { closeSync, openSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RouteConnection } from '../../../guest-agent/netlink/index.ts';
import { type Networks, openNetworks, type Sandbox } from '../../../guest-agent/networks/index.ts';
import { setns } from '../../../guest-agent/syscalls/namespace.ts';
import { Nftables } from '../../../guest-agent/syscalls/nftables.ts';
import { command, succeed } from '../../support/command.ts';
import { dockerOn } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { type Peer, startPeer } from '../../support/peer.ts';
import { addNeighbour, hostAddress, neighbourAddress, newOptions, newRequest, serve, visit } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: networks need Linux and root');

const CLONE_NEWNET = 0x40000000;

describe.skipIf(!usable)('beside a dockerd that drops what is not its own', () => {
  let peer: Peer;
  let docker: ReturnType<typeof dockerOn>['docker'];
  let neighbour: number;
  let home: number;
  let options: ReturnType<typeof newOptions>;
  const open: Networks[] = [];
  const descriptors: number[] = [];

  /** This thread moves into dockerd's network, which gets a neighbour and a default route. */
  beforeAll(async () => {
    peer = await startPeer();
    docker = dockerOn(peer.socket).docker;
    home = openSync('/proc/self/ns/net', 'r');
    const [, flag = ''] = peer.enter;
    const theirs = openSync(flag.replace('--net=', ''), 'r');
    setns(theirs, CLONE_NEWNET);
    closeSync(theirs);
    neighbour = addNeighbour(new RouteConnection());
    await docker('load', '-q', '-i', await busyboxArchive());
    await succeed('iptables', ['-P', 'FORWARD', 'DROP']);
    await command('sh', ['-c', 'echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables']);
    options = newOptions('berth8');
  }, 120_000);
  afterEach(async () => {
    for (const networks of open.splice(0)) await networks.close({ removeAll: true });
    for (const fd of descriptors.splice(0)) closeSync(fd);
    expect(new Nftables().run('list ruleset')).not.toContain('berth');
  });
  afterAll(async () => {
    setns(home, CLONE_NEWNET);
    for (const fd of [home, neighbour]) closeSync(fd);
    await peer?.stop();
    rmSync(options.folder, { recursive: true, force: true });
  }, 60_000);

  async function begin(bridge = 'berth8'): Promise<Networks> {
    const networks = await openNetworks({ ...options, bridge: { name: bridge } });
    open.push(networks);
    await networks.reconcile();
    return networks;
  }
  const insideOf = ({ namespacePath = '' }: Sandbox): number => {
    descriptors.push(openSync(namespacePath, 'r'));
    return descriptors.at(-1) ?? -1;
  };
  const published = (hostPort: number) => ({ ports: [{ containerPort: 80, protocol: 'tcp' as const, hostPort }] });
  const rules = (): string => new Nftables().run('list chain ip filter DOCKER-USER');

  /** In and out, between containers, and through the port of a neighbour's container. */
  async function everythingWorks(networks: Networks): Promise<void> {
    const one = await networks.connect(newRequest(options.folder, published(8080)));
    const two = await networks.connect(newRequest(options.folder));
    const [inOne, inTwo] = [insideOf(one), insideOf(two)];
    const servers = [serve(inOne, 80, 'one'), serve(neighbour, 7000, 'outside')];
    expect(await visit(neighbour, hostAddress, 8080, 2)).toBe(`one ${neighbourAddress}`);
    expect(await visit(inTwo, neighbourAddress, 7000, 2)).toBe(`outside ${hostAddress}`);
    expect(await visit(inTwo, one.endpoints.bridge?.ipAddress ?? '', 80, 2)).toMatch(/^one /);
    expect(await visit(inTwo, hostAddress, 8080, 2)).toMatch(/^one /);
    expect(await visit(neighbour, one.endpoints.bridge?.ipAddress ?? '', 80, 1)).toBe('');
    for (const server of servers) server.close();
    for (const { record } of [one, two]) await networks.release(record.id);
  }

  it('published ports answer, containers reach the world and each other, and its own go on', async () => {
    await docker('run', '-d', '--name', 'theirs', '-p', '8090:80', 'busybox', 'sleep', '1000');
    const pid = (await docker('inspect', 'theirs', '--format', '{{.State.Pid}}')).trim();
    const inTheirs = openSync(`/proc/${pid}/ns/net`, 'r');
    descriptors.push(inTheirs);
    const server = serve(inTheirs, 80, 'theirs');
    expect(await visit(neighbour, hostAddress, 8090, 2)).toMatch(/^theirs /);
    const networks = await begin();
    await everythingWorks(networks);
    expect(await visit(neighbour, hostAddress, 8090, 2)).toMatch(/^theirs /);
    server.close();
    await docker('rm', '-f', 'theirs');
  }, 60_000);

  it('it may come later, or start its rules anew', async () => {
    const networks = await begin();
    new Nftables().run('flush chain ip filter DOCKER-USER');
    await eventually('the marks are back', () => rules().includes('berth berth8'));
    new Nftables().run('flush ruleset');
    await succeed('iptables', ['-P', 'FORWARD', 'DROP']);
    await eventually('the rules are back', () => new Nftables().run('list ruleset').includes('comment "berth berth8"'));
    await everythingWorks(networks);
    await succeed('iptables', ['-N', 'DOCKER-USER']);
    await succeed('iptables', ['-A', 'DOCKER-USER', '-j', 'RETURN']);
    await succeed('iptables', ['-A', 'FORWARD', '-j', 'DOCKER-USER']);
    await eventually('the marks are where they are wanted', () => rules().includes('berth berth8'));
    expect((await succeed('iptables', ['-S', 'DOCKER-USER'])).trim().split('\n')).toEqual([
      '-N DOCKER-USER',
      expect.stringContaining('-A DOCKER-USER -i berth8 '),
      expect.stringContaining('-A DOCKER-USER -o berth8 '),
      '-A DOCKER-USER -j RETURN',
    ]);
  }, 60_000);

  it('an engine that died leaves marks that the next one takes away', async () => {
    const dead = await begin('berthdead');
    expect(rules()).toContain('berth berthdead');
    open.splice(0);
    await dead.close({ removeAll: false });
    const host = new RouteConnection();
    await succeed('ip', ['link', 'del', 'berthdead']);
    new Nftables().run('delete table ip berth_berthdead');
    host.close();
    await begin();
    expect(rules()).not.toContain('berthdead');
    expect(rules()).toContain('berth berth8');
  });
});
