import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Networks,
  type NetworksOptions,
  openNetworks,
  type Sandbox,
} from '../../../guest-agent/networks/index.ts';
import { parseCidr6 } from '../../../guest-agent/networks/ipv6.ts';
import { Nftables } from '../../../guest-agent/syscalls/nftables.ts';
import { succeed } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { echo, enterOwnNetwork, newOptions, newRequest, serve, visit } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/proc/sys/net/ipv6');
if (!usable) console.log('skipped: networks need Linux and root, and a kernel with IPv6');

const web = { containerPort: 80, protocol: 'tcp' as const, hostPort: 8080 };

describe.skipIf(!usable)('the default network', () => {
  let world: ReturnType<typeof enterOwnNetwork>;
  const closing: (() => unknown)[] = [];

  beforeAll(() => {
    world = enterOwnNetwork();
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function open(more: Partial<NetworksOptions>): Promise<{ networks: Networks; folder: string }> {
    const options = newOptions('berth8');
    const networks = await openNetworks({ ...options, ...more });
    closing.push(() => rmSync(options.folder, { recursive: true }));
    closing.push(() => networks.close({ removeAll: true }));
    return { networks, folder: options.folder };
  }
  async function begin(
    { networks, folder }: Awaited<ReturnType<typeof open>>,
    more: Parameters<typeof newRequest>[1],
  ): Promise<{ sandbox: Sandbox; inside: number }> {
    const sandbox = await networks.connect(newRequest(folder, more));
    const inside = openSync(sandbox.namespacePath ?? '', 'r');
    closing.push(() => closeSync(inside));
    return { sandbox, inside };
  }
  const serving = (inside: number, name: string): void => {
    const server = serve(inside, 80, name);
    closing.push(() => server.close());
  };

  it('has IPv6 when that is asked for, and keeps its subnets', async () => {
    const bridge = { name: 'berth8', ipv6: { range: 'fd00:99::/64' }, options: {} };
    const engine = await open({ bridge });
    const { sandbox, inside } = await begin(engine, { ports: [web], extraHosts: ['host:host-gateway'] });
    expect(sandbox.endpoints.bridge).toMatchObject({ ipv6Address: 'fd00:99::2', ipv6Gateway: 'fd00:99::1' });
    expect(engine.networks.get('bridge')).toMatchObject({ enableIPv6: true });
    expect(readFileSync(sandbox.files.hosts, 'utf8')).toMatch(/172\.\S+\thost\nfd00:99::1\thost\n/);
    serving(inside, 'web');
    expect(await visit(undefined, '127.0.0.1', 8080)).toMatch(/^web /);
    expect(await visit(undefined, '::1', 8080)).toBe('web fd00:99::1');
    const other = await begin(engine, {});
    expect(await visit(other.inside, 'fd00:99::2', 80)).toBe('web fd00:99::3');
  });

  it('and others have IPv6 of no pool, but of this engine, unless they want none', async () => {
    const dual = { bridge: { name: 'berth8', ipv6: {} } };
    const { networks } = await open(dual);
    await networks.create({ name: 'other', ipam: { config: [{ subnet: '10.97.0.0/24' }] } });
    await networks.create({ name: 'four', enableIPv6: false });
    const subnets = ['bridge', 'other', 'four'].map(name => networks.get(name).ipam.config[1]?.subnet ?? '');
    const blocks = subnets.map(subnet => parseCidr6(subnet)?.block);
    const [own, other, none] = blocks.map(
      block => block && [block.base >> 120n, block.base >> 80n, block.prefixLength],
    );
    expect([own?.[0], own?.[2], none]).toEqual([0xfdn, 64, undefined]);
    expect(other).toEqual(own);
    expect(subnets[0]).not.toBe(subnets[1]);
  });

  it('of IPv4 alone is reached by ::1, too, through a relay that goes with the container', async () => {
    const engine = await open({});
    const { sandbox, inside } = await begin(engine, { name: 'web', ports: [web] });
    expect(sandbox.ports['80/tcp']).toEqual([
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ]);
    serving(inside, 'web');
    expect(await visit(undefined, '::1', 8080)).toMatch(/^web 172\./);
    expect(await visit(world.neighbour, world.hostAddress, 8080)).toBe(`web ${world.neighbourAddress}`);
    await expect(begin(engine, { ports: [web] })).rejects.toThrow(
      'Bind for 0.0.0.0:8080 failed: port is already allocated (by the container web)',
    );
    await engine.networks.release(sandbox.record.id);
    expect(await visit(undefined, '::1', 8080, 1)).toBe('');
    const again = await begin(engine, { ports: [{ ...web, hostIp: '::1' }] });
    expect(again.sandbox.ports['80/tcp']).toEqual([{ HostIp: '::1', HostPort: '8080' }]);
    serving(again.inside, 'again');
    expect(await visit(undefined, '::1', 8080)).toMatch(/^again /);
    expect(await visit(undefined, '127.0.0.1', 8080, 1)).toBe('');
  });

  it('is so by UDP, too: each who asks is answered, whoever else asks', async () => {
    const engine = await open({});
    const { sandbox, inside } = await begin(engine, { ports: [{ ...web, protocol: 'udp' }] });
    expect(sandbox.ports['80/udp']).toEqual([
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ]);
    const server = echo(inside, 80);
    closing.push(() => server.close());
    const asking = ['one', 'two'].map(word => {
      const socket = createSocket('udp6');
      closing.push(() => socket.close());
      const answer = new Promise<string>(resolve => socket.once('message', message => resolve(String(message))));
      return { word, ask: () => socket.send(word, 8080, '::1'), answer };
    });
    for (const { ask } of asking) ask();
    for (const { word, answer } of asking) expect(await answer).toBe(word);
    await engine.networks.release(sandbox.record.id);
    const again = createSocket('udp6').bind(8080, '::1'); // nobody has the port any more
    closing.push(() => again.close());
    await new Promise((resolve, reject) => again.once('listening', resolve).once('error', reject));
  });

  it('says that the kernel has no SCTP, where that is so', async context => {
    const engine = await open({});
    const wish = { ...web, protocol: 'sctp' as const };
    const said = await begin(engine, { ports: [wish] }).then(() => '', String);
    if (said === '') context.skip();
    expect(said).toContain('failed to bind host port 0.0.0.0:8080/sctp: protocol not supported');
  });

  it('says who has a port that is taken', async () => {
    const engine = await open({});
    const thief = spawn('busybox', ['nc', '-l', '-p', '8080'], { stdio: 'ignore' });
    closing.push(() => thief.kill('SIGKILL'));
    await eventually('it listens', () => /:1F90 0+:0000 0A /.test(readFileSync('/proc/thread-self/net/tcp6', 'utf8')));
    await expect(begin(engine, { ports: [web] })).rejects.toThrow(
      `address already in use (by busybox, process ${thief.pid})`,
    );
  });

  it('and others are cut from the pools that are named, and from nothing else', async () => {
    const { networks } = await open({
      addressPools: [
        { base: '10.99.0.0/23', size: 24 },
        { base: '10.99.8.0/24', size: 25 },
        { base: 'fd00:88::/62', size: 64 },
      ],
    });
    const subnets = (name: string): (string | undefined)[] =>
      networks.get(name).ipam.config.map(({ subnet }) => subnet);
    expect(subnets('bridge')).toEqual(['10.99.0.0/24']);
    for (const name of ['one', 'two', 'three']) await networks.create({ name, enableIPv6: name === 'two' });
    expect(['one', 'two', 'three'].map(subnets)).toEqual([
      ['10.99.1.0/24'],
      ['10.99.8.0/25', 'fd00:88::/64'],
      ['10.99.8.128/25'],
    ]);
    await expect(networks.create({ name: 'four' })).rejects.toThrow(
      'all predefined address pools have been fully subnetted',
    );
    await networks.remove('one');
    await networks.create({ name: 'four' });
    expect(subnets('four')).toEqual(['10.99.1.0/24']);
  });

  it('does as daemon.json says: ranges, another way out, closed between containers, options for all others', async () => {
    const engine = await open({
      bridge: {
        name: 'berth8',
        cidr: '10.98.0.1/24',
        range: '10.98.0.128/25',
        gateway: '10.98.0.9',
        options: { 'com.docker.network.bridge.enable_icc': 'false', 'com.docker.network.driver.mtu': '1300' },
      },
      driverOptions: { bridge: { 'com.docker.network.enable_ipv6': 'true', 'com.docker.network.driver.mtu': '1290' } },
    });
    const [one, two] = [await begin(engine, {}), await begin(engine, {})];
    expect(one.sandbox.endpoints.bridge).toMatchObject({ ipAddress: '10.98.0.128', gateway: '10.98.0.9' });
    serving(one.inside, 'one');
    expect(await visit(two.inside, '10.98.0.128', 80, 1)).toBe('');
    await engine.networks.create({ name: 'other' });
    expect(engine.networks.get('other')).toMatchObject({
      enableIPv6: true,
      options: { 'com.docker.network.driver.mtu': '1290' },
    });
  });

  it('beside it others may be open to neighbours, and hidden behind an address of their own', async () => {
    const engine = await open({});
    await engine.networks.create({
      name: 'open',
      options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected' },
    });
    await engine.networks.create({
      name: 'trusting',
      options: {
        'com.docker.network.bridge.trusted_host_interfaces': 'out0',
        'com.docker.network.host_ipv4': '192.0.2.99',
      },
    });
    for (const mode of ['open', 'trusting', 'bridge']) {
      const { sandbox, inside } = await begin(engine, { mode });
      serving(inside, mode);
      const { ipAddress = '' } = sandbox.endpoints[mode] ?? {};
      const expected = mode === 'bridge' ? '' : `${mode} ${world.neighbourAddress}`;
      expect(await visit(world.neighbour, ipAddress, 80, expected ? 5 : 1)).toBe(expected);
      if (mode === 'trusting') {
        await succeed('ip', ['addr', 'add', '192.0.2.99/32', 'dev', 'out0']);
        const outside = serve(world.neighbour, 7000, 'outside');
        closing.push(() => outside.close());
        expect(await visit(inside, world.neighbourAddress, 7000, 2)).toBe('outside 192.0.2.99');
      }
    }
  });

  it('loses what an engine that died had of IPv6, when the next one is to have none', async () => {
    const { networks, folder } = await open({ bridge: { name: 'berth8', ipv6: {} } });
    closing.splice(-1); // it is not closed in order
    await networks.close({ removeAll: false });
    const options = newOptions('berth8');
    closing.push(() => rmSync(options.folder, { recursive: true }));
    const next = await openNetworks({ ...options, root: `${folder}/networks` });
    expect(next.get('bridge').enableIPv6).toBe(false);
    await next.close({ removeAll: true });
    expect(new Nftables().run('list ruleset')).toBe('');
  });

  it('and others have IPv4 alone where IPv6 is switched off', async () => {
    const setting = '/proc/sys/net/ipv6/conf/all/disable_ipv6';
    writeFileSync(setting, '1');
    closing.push(() => writeFileSync(setting, '0'));
    const { networks } = await open({ bridge: { name: 'berth8', ipv6: {} } });
    await networks.create({ name: 'other' });
    expect(['bridge', 'other'].map(name => networks.get(name).enableIPv6)).toEqual([false, false]);
  });
});
