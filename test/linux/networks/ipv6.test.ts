import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addAddress, findLink, RouteConnection, setRoute } from '../../../guest-agent/netlink/index.ts';
import { type Networks, openNetworks, type Sandbox } from '../../../guest-agent/networks/index.ts';
import { inNetworkNamespace } from '../../../guest-agent/syscalls/network-namespace.ts';
import { Nftables } from '../../../guest-agent/syscalls/nftables.ts';
import { enterOwnNetwork, newOptions, newRequest, run, serve, visit } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/proc/sys/net/ipv6');
if (!usable) console.log('skipped: networks need Linux and root, and a kernel with IPv6');

const hostAddress = '2001:db8::2';
const neighbourAddress = '2001:db8::1';

describe.skipIf(!usable)('a network with IPv6', () => {
  let world: ReturnType<typeof enterOwnNetwork>;
  let options: ReturnType<typeof newOptions>;
  let networks: Networks;
  const descriptors: number[] = [];

  beforeAll(async () => {
    world = enterOwnNetwork();
    options = newOptions('berth8');
    networks = await openNetworks(options);
    await networks.create({ name: 'dual', enableIPv6: true, ipam: { config: [{ subnet: 'fd00:77::/64' }] } });
    await networks.create({ name: 'chosen', enableIPv6: true, internal: true });
    giveAddresses();
  });
  afterEach(() => {
    for (const fd of descriptors.splice(0)) closeSync(fd);
  });
  afterAll(async () => {
    await networks.close({ removeAll: true });
    expect(new Nftables().run('list ruleset')).toBe('');
    rmSync(options.folder, { recursive: true });
  });

  /** Of this host and of its neighbour, who knows the way to the containers. */
  function giveAddresses(): void {
    const host = new RouteConnection();
    const outside = findLink(host, 'out0')?.index ?? 0;
    host.request(
      addAddress({ index: outside, address: hostAddress, prefixLength: 64 }),
      setRoute({ destination: '::', prefixLength: 0, gateway: neighbourAddress, index: outside }),
    );
    inNetworkNamespace(world.neighbour, () => {
      const inside = new RouteConnection();
      const index = findLink(inside, 'eth0')?.index ?? 0;
      inside.request(
        addAddress({ index, address: neighbourAddress, prefixLength: 64 }),
        setRoute({ destination: 'fd00::', prefixLength: 8, gateway: hostAddress, index }),
      );
      inside.close();
    });
    host.close();
  }

  async function begin(more: Parameters<typeof newRequest>[1]): Promise<{ sandbox: Sandbox; inside: number }> {
    const sandbox = await networks.connect(newRequest(options.folder, { mode: 'dual', ...more }));
    const inside = openSync(sandbox.namespacePath ?? '', 'r');
    descriptors.push(inside);
    return { sandbox, inside };
  }

  it('gives addresses of both families, with their names, and the world is reached from behind the host', async () => {
    const one = await begin({ name: 'one', networks: { dual: { ipv6Address: 'fd00:77::77' } } });
    const two = await begin({ name: 'two' });
    expect(one.sandbox.endpoints.dual).toMatchObject({
      ipv6Address: 'fd00:77::77',
      ipv6PrefixLength: 64,
      ipv6Gateway: 'fd00:77::1',
    });
    expect(two.sandbox.endpoints.dual?.ipv6Address).toBe('fd00:77::2');
    expect(readFileSync(two.sandbox.files.hosts, 'utf8')).toMatch(/172\.\S+\thost\d+\nfd00:77::2\thost\d+\n$/);
    const servers = [serve(one.inside, 80, 'one'), serve(world.neighbour, 7000, 'neighbour')];
    expect(await visit(two.inside, 'fd00:77::77', 80)).toBe('one fd00:77::2');
    expect(await visit(two.inside, neighbourAddress, 7000)).toBe(`neighbour ${hostAddress}`);
    expect(await visit(world.neighbour, 'fd00:77::77', 80, 1)).toBe('');
    const lookup = `import socket; print(socket.gethostbyaddr('fd00:77::77')[0])`;
    const resolver = `echo nameserver 127.0.0.11 > /etc/resolv.conf; python3 -c "${lookup}"; busybox nslookup -type=aaaa one 127.0.0.11`;
    const found = await run(two.inside, 'unshare', [
      '-m',
      'sh',
      '-c',
      `mount -t tmpfs none /etc; echo 'hosts: dns' > /etc/nsswitch.conf; ${resolver}`,
    ]);
    expect(found).toMatch(/^one\.dual\n/);
    expect(found).toContain('fd00:77::77');
    for (const server of servers) server.close();
    for (const { sandbox } of [one, two]) await networks.release(sandbox.record.id);
  });

  it('publishes a port on both, once, and holds it', async () => {
    const one = await begin({ ports: [{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }] });
    expect(one.sandbox.ports).toEqual({
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
    });
    const server = serve(one.inside, 80, 'one');
    expect(await visit(world.neighbour, hostAddress, 8080)).toBe(`one ${neighbourAddress}`);
    expect(await visit(world.neighbour, world.hostAddress, 8080)).toBe(`one ${world.neighbourAddress}`);
    expect(await visit(undefined, hostAddress, 8080)).toMatch(/^one /);
    expect(await visit(one.inside, hostAddress, 8080)).toMatch(/^one /);
    const again = { containerPort: 80, protocol: 'tcp' as const, hostPort: 8080, hostIp: '::' };
    await expect(begin({ ports: [again] })).rejects.toThrow('Bind for :::8080 failed: port is already allocated');
    await networks.release(one.sandbox.record.id);
    server.close();
    expect(await visit(world.neighbour, hostAddress, 8080, 1)).toBe('');
    const only = await begin({ ports: [{ ...again, hostIp: `[${hostAddress}]` }] });
    const other = serve(only.inside, 80, 'only');
    expect(await visit(world.neighbour, hostAddress, 8080)).toMatch(/^only /);
    expect(await visit(world.neighbour, world.hostAddress, 8080, 1)).toBe('');
    other.close();
    await networks.release(only.sandbox.record.id);
  });

  const gatewayMode = (mode: string): Record<string, string> => ({
    'com.docker.network.bridge.gateway_mode_ipv4': mode,
    'com.docker.network.bridge.gateway_mode_ipv6': mode,
  });

  it('is known outside when it is routed: containers are reached at their own published ports, and nowhere else', async () => {
    const config = [{ subnet: '172.25.0.0/24' }, { subnet: 'fd00:78::/64' }];
    await networks.create({ name: 'routed', enableIPv6: true, ipam: { config }, options: gatewayMode('routed') });
    const published = { containerPort: 80, protocol: 'tcp' as const, hostPort: 8080 };
    const local = { ...published, containerPort: 81, hostIp: '127.0.0.1' };
    const { sandbox, inside } = await begin({ mode: 'routed', ports: [published, local] });
    expect(sandbox.ports).toEqual({
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '' },
        { HostIp: '::', HostPort: '' },
      ],
      '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }],
    });
    const servers = [80, 82].map(port => serve(inside, port, 'routed'));
    servers.push(serve(world.neighbour, 7000, 'neighbour'));
    expect(await visit(world.neighbour, '172.25.0.2', 80)).toBe(`routed ${world.neighbourAddress}`);
    expect(await visit(world.neighbour, 'fd00:78::2', 80)).toBe(`routed ${neighbourAddress}`);
    expect(await visit(inside, world.neighbourAddress, 7000)).toBe('neighbour 172.25.0.2');
    expect(await visit(inside, neighbourAddress, 7000)).toBe('neighbour fd00:78::2');
    expect(await run(world.neighbour, 'busybox', ['ping', '-c', '1', '172.25.0.2'])).toContain('1 packets received');
    expect(await run(world.neighbour, 'busybox', ['ping', '-c', '1', 'fd00:78::2'])).toContain('1 packets received');
    expect(await visit(world.neighbour, '172.25.0.2', 82, 1)).toBe('');
    expect(await visit(world.neighbour, world.hostAddress, 8080, 1)).toBe('');
    await networks.release(sandbox.record.id);
    expect(new Nftables().run('list ruleset')).not.toContain('fd00:78::2 . 80');
    for (const server of servers) server.close();
  });

  it('has nothing of the host in it when it is isolated', async () => {
    const { bridge = '' } = await networks.create({
      name: 'isolated',
      enableIPv6: true,
      internal: true,
      options: gatewayMode('isolated'),
    });
    expect(await run(undefined, 'ip', ['-o', 'addr', 'show', 'dev', bridge])).not.toMatch(/inet6? (?!fe80)/);
    const [one, two] = [await begin({ mode: 'isolated' }), await begin({ mode: 'isolated' })];
    const server = serve(one.inside, 80, 'one');
    const { ipAddress = '', ipv6Address = '' } = one.sandbox.endpoints.isolated ?? {};
    expect(await visit(two.inside, ipAddress, 80)).toMatch(/^one /);
    expect(await visit(two.inside, ipv6Address, 80)).toMatch(/^one /);
    server.close();
    for (const { sandbox } of [one, two]) await networks.release(sandbox.record.id);
  });

  it('moves with the default route, and an internal one leads nowhere', async () => {
    const { sandbox, inside } = await begin({ mode: 'chosen' });
    const { ipv6Address = '', ipv6Gateway } = sandbox.endpoints.chosen ?? {};
    expect([ipv6Address.startsWith('fd'), ipv6Gateway]).toEqual([true, undefined]);
    const neighbour = serve(world.neighbour, 7000, 'neighbour');
    expect(await visit(inside, neighbourAddress, 7000, 1)).toBe('');
    networks.join(sandbox.record.id, 'dual', {});
    expect(await visit(inside, neighbourAddress, 7000)).toBe(`neighbour ${hostAddress}`);
    networks.leave(sandbox.record.id, 'dual');
    expect(await visit(inside, neighbourAddress, 7000, 1)).toBe('');
    neighbour.close();
    await networks.release(sandbox.record.id);
  });
});
