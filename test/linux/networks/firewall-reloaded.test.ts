import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFirewall, type PortForward } from '../../../guest-agent/firewall/index.ts';
import { type Networks, openNetworks, type Sandbox } from '../../../guest-agent/networks/index.ts';
import { inNetworkNamespace } from '../../../guest-agent/syscalls/network-namespace.ts';
import { Nftables } from '../../../guest-agent/syscalls/nftables.ts';
import { succeed } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { enterOwnNetwork, newOptions, newRequest, serve, visit } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: networks need Linux and root');

/** What a distribution's service loads: everything anew, and what is not named is not forwarded. */
const byPolicy = `
flush ruleset
table inet filter {
  chain input { type filter hook input priority filter; policy accept; }
  chain forward { type filter hook forward priority filter; policy drop; ct state established,related accept; }
}
`;

/** The same as firewalld writes it: open by its policy, closed by its last rule. */
const byLastRule = `
flush ruleset
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept
    ct state established,related accept
    ct status dnat accept
    iifname "lo" accept
    reject with icmpx admin-prohibited
  }
}
`;

/**
 * How many bytes on connections with a port nobody has acknowledged yet, as /proc/net/tcp6 tells of a server
 * for both families. A late acknowledgement would meet a host without rules, which knows nothing of the connection.
 */
const unacknowledged = (namespace: number, port: number): number => {
  const table = inNetworkNamespace(namespace, () => readFileSync('/proc/thread-self/net/tcp6', 'utf8'));
  const connections = table.split('\n').map(line => line.trim().split(/\s+/));
  const ofPort = connections.filter(ends => ends.slice(1, 3).some(end => Number.parseInt(end.slice(-4), 16) === port));
  return ofPort.reduce((sum, [, , , , queues = '']) => sum + Number.parseInt(queues, 16), 0);
};

describe.skipIf(!usable)('a host whose firewall is loaded anew again and again', { timeout: 60_000 }, () => {
  let world: ReturnType<typeof enterOwnNetwork>;
  let options: ReturnType<typeof newOptions>;
  let networks: Networks;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    world = enterOwnNetwork();
    options = newOptions('berth8');
    networks = await openNetworks(options);
    await networks.reconcile();
  });
  afterAll(async () => {
    for (const close of closing.reverse()) close();
    await networks.close({ removeAll: true });
    expect(new Nftables().run('list ruleset')).not.toContain('berth');
    rmSync(options.folder, { recursive: true });
  });

  it('a network that has to do without IPv6 keeps the rest of what is published', () => {
    const firewall = openFirewall();
    firewall.ensureBridge({ bridge: 'berth9', subnet: '10.9.0.0/24', internal: false, masquerade: false });
    const at = (hostIp: string, address: string): PortForward => ({
      ...{ protocol: 'tcp', hostPort: 8082, containerPort: 80 },
      ...{ hostIp, address },
    });
    const forwards = [at('0.0.0.0', '10.9.0.2'), at('::', 'fd00:9::2')];
    firewall.replace('berth9', forwards);
    expect(new Nftables().run('list ruleset')).toContain('8082 : 10.9.0.2 . 80');
    firewall.withdraw('berth9', forwards);
    firewall.removeBridge('berth9');
    firewall.close();
  });

  async function begin(hostPort: number): Promise<{ sandbox: Sandbox; inside: number }> {
    const ports = [{ containerPort: 80, protocol: 'tcp' as const, hostPort }];
    const sandbox = await networks.connect(newRequest(options.folder, { ports }));
    const inside = openSync(sandbox.namespacePath ?? '', 'r');
    closing.push(() => closeSync(inside));
    const server = serve(inside, 80, `at ${hostPort}`);
    closing.push(() => server.close());
    return { sandbox, inside };
  }

  /** A visit from outside that goes on: whatever is said comes back. */
  async function conversation(inside: number): Promise<(word: string) => Promise<string>> {
    const server = inNetworkNamespace(inside, () => createServer(socket => socket.pipe(socket)).listen(81));
    const visitor = inNetworkNamespace(world.neighbour, () => connect(8081, world.hostAddress));
    closing.push(
      () => server.close(),
      () => visitor.destroy(),
    );
    visitor.on('error', () => undefined);
    await new Promise((resolve, reject) => visitor.once('connect', resolve).once('error', reject));
    return word => answerOf(visitor, word);
  }
  const answerOf = (visitor: Socket, word: string): Promise<string> =>
    new Promise((resolve, reject) => {
      visitor.once('data', data => resolve(String(data)));
      visitor.once('close', () => reject(new Error('the connection has ended')));
      visitor.write(word);
    });

  it('running containers are reached again at once, reach the world, and keep their connections', async () => {
    const one = await begin(8080);
    const talking = await networks.connect(
      newRequest(options.folder, { ports: [{ containerPort: 81, protocol: 'tcp', hostPort: 8081 }] }),
    );
    const inTalking = openSync(talking.namespacePath ?? '', 'r');
    closing.push(() => closeSync(inTalking));
    const say = await conversation(inTalking);
    const outside = serve(world.neighbour, 7000, 'outside');
    closing.push(() => outside.close());
    const file = join(options.folder, 'nftables.conf');
    for (const [round, rules] of Object.entries({ first: byPolicy, second: byPolicy, third: byLastRule })) {
      writeFileSync(file, rules);
      expect(await say(round)).toBe(round);
      await eventually('all is acknowledged', () => unacknowledged(inTalking, 81) === 0);
      await succeed('nft', ['-f', file]);
      await eventually('the port answers', async () =>
        /^at 8080 /.test(await visit(world.neighbour, world.hostAddress, 8080, 1)),
      );
      await eventually('the world is reached', async () =>
        /^outside /.test(await visit(one.inside, world.neighbourAddress, 7000, 1)),
      );
      expect(await say(`${round} again`)).toBe(`${round} again`);
    }
    const two = await begin(8082);
    expect(await visit(world.neighbour, world.hostAddress, 8082, 2)).toBe(`at 8082 ${world.neighbourAddress}`);
    expect(await visit(world.neighbour, two.sandbox.endpoints.bridge?.ipAddress ?? '', 80, 1)).toBe('');
  });
});
