import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';

/** A driver of networks, and a place where it is tried. */
export interface DriverSubject {
  engine: TestEngine;
  /** arguments of `docker network create`, without subnets */
  create: string[];
  /** `10.230.1` of 10.230.1.0/24; containers may have its upper half */
  subnet: string;
  gateway?: string;
  /** somebody outside who answers with a line, as containers are to reach him; absent: nobody there can answer */
  outside?: { address: string; port: number; says: RegExp };
  /** the engine dies and another one takes over; absent: it is not tried */
  succeed?: () => Promise<void>;
}

/** What every driver of networks does for containers, wherever it puts their links. */
export function networkDriverSuite(name: string, open: () => DriverSubject): void {
  describe(`the network driver ${name}`, { timeout: 180_000 }, () => {
    let subject: DriverSubject;
    const docker = async (...args: string[]): Promise<string> => (await subject.engine.docker(...args)).trim();

    beforeAll(async () => {
      subject = open();
      await docker('load', '-q', '-i', await busyboxArchive());
    }, 60_000);
    afterEach(async () => {
      const left = (await docker('ps', '-aq')).split('\n').filter(Boolean);
      if (left.length > 0) await docker('rm', '-f', ...left);
      await docker('network', 'prune', '-f');
      expect(await docker('network', 'ls', '-q', '--filter', 'type=custom')).toBe('');
    });

    const create = (network: string, ...more: string[]): Promise<string> => {
      const { subnet, gateway, create: how } = subject;
      const addresses = ['--subnet', `${subnet}.0/24`, '--ip-range', `${subnet}.128/25`];
      return docker(
        'network',
        'create',
        ...how,
        ...addresses,
        ...(gateway ? ['--gateway', gateway] : []),
        ...more,
        network,
      );
    };
    /** A container that tells every visitor its name, on port 80. */
    const begin = (container: string, network: string, ...more: string[]): Promise<string> => {
      const command = ['busybox', 'nc', '-ll', '-p', '80', '-e', 'echo', container];
      return docker('run', '-d', '--init', '--name', container, '--network', network, ...more, ...command);
    };
    const visit = async (container: string, address: string, port: number): Promise<string> => {
      const asked = ['exec', container, 'nc', '-w', '3', address, String(port)];
      return (await subject.engine.tryDocker(asked)).stdout.trim();
    };
    const reached = (container: string, address: string, port: number, says: string | RegExp): Promise<unknown> =>
      eventually(`${container} reaches ${address}`, async () => {
        const said = await visit(container, address, port);
        return typeof says === 'string' ? said === says : says.test(said);
      });
    const addressOf = (container: string, network: string): Promise<string> =>
      docker('inspect', container, '--format', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`);
    const ways = (container: string): Promise<string> =>
      docker('exec', container, 'sh', '-c', 'ip route | grep default || true');

    it('containers find and reach each other, and the world', async () => {
      await create('blue');
      await begin('one', 'blue');
      await begin('two', 'blue', '--network-alias', 'second', '--ip', `${subject.subnet}.77`);
      expect(await addressOf('one', 'blue')).toMatch(
        new RegExp(`^${subject.subnet.replaceAll('.', '\\.')}\\.1[23]\\d$`),
      );
      expect(await addressOf('two', 'blue')).toBe(`${subject.subnet}.77`);
      await reached('one', 'second', 80, 'two');
      await reached('one', `${subject.subnet}.77`, 80, 'two');
      const { outside } = subject;
      if (outside) await reached('one', outside.address, outside.port, outside.says);
      const counted = await docker('exec', 'one', 'cat', '/sys/class/net/eth0/statistics/tx_packets');
      expect(Number(counted)).toBeGreaterThan(0);
      expect(await docker('stats', '--no-stream', '--format', '{{.NetIO}}', 'one')).not.toMatch(/^0B \/ 0B$/);
      const refused = await subject.engine.tryDocker(['network', 'rm', 'blue']);
      expect(refused.stderr).toContain('has active endpoints');
    });

    it('an address is free again with its container, and not before', async () => {
      await create('blue');
      const fixed = ['--ip', `${subject.subnet}.80`];
      await begin('watcher', 'blue');
      for (const round of ['first', 'second', 'third']) {
        await begin(round, 'blue', ...fixed);
        await reached('watcher', `${subject.subnet}.80`, 80, round);
        const twin = await subject.engine.tryDocker(['run', '--rm', '--network', 'blue', ...fixed, 'busybox', 'true']);
        expect(twin.stderr).toContain('Address already in use');
        await docker('rm', '-f', round);
      }
    });

    it('running containers join and leave, and their default route with them', async () => {
      await create('blue');
      await begin('fixed', 'blue');
      await begin('moving', 'none');
      await docker('network', 'disconnect', 'none', 'moving');
      await docker('network', 'connect', '--alias', 'nomad', 'blue', 'moving');
      const way = await ways('fixed');
      expect(await ways('moving')).toBe(way);
      await reached('fixed', 'nomad', 80, 'moving');
      const bridges = ['network', 'create', '--subnet', '10.239.9.0/24', 'zebra'];
      await docker(...bridges);
      await docker('network', 'connect', '--gw-priority', '1', 'zebra', 'moving');
      expect(await ways('moving')).toContain('10.239.9.1');
      await docker('network', 'disconnect', 'zebra', 'moving');
      expect(await ways('moving')).toBe(way);
      await docker('network', 'disconnect', 'blue', 'moving');
      expect(await docker('exec', 'moving', 'ls', '/sys/class/net')).not.toContain('eth');
      expect(await visit('fixed', 'nomad', 80)).toBe('');
    });

    it('an internal network leads nowhere', async () => {
      await create('closed', '--internal');
      await begin('one', 'closed');
      await begin('two', 'closed');
      await reached('one', 'two', 80, 'two');
      expect(await ways('one')).toBe('');
      const { outside, subnet } = subject;
      if (outside && !outside.address.startsWith(subnet))
        expect(await visit('one', outside.address, outside.port)).toBe('');
    });

    it('has IPv6, too, beside IPv4 or alone', async () => {
      await create('both', '--ipv6', '--subnet', 'fd00:230::/64');
      await begin('one', 'both', '--ip6', 'fd00:230::77');
      await begin('two', 'both');
      await reached('two', 'fd00:230::77', 80, 'one');
      await docker('rm', '-f', 'one', 'two');
      await docker('network', 'rm', 'both');
      await docker(
        'network',
        'create',
        ...subject.create,
        '--ipv4=false',
        '--ipv6',
        '--subnet',
        'fd00:231::/64',
        'six',
      );
      await begin('one', 'six');
      await begin('two', 'six');
      await reached('two', 'one', 80, 'one');
      expect(await docker('exec', 'one', 'ip', '-4', 'route')).toBe('');
      expect(await addressOf('one', 'six')).toBe('');
    });

    it('outlives an engine that dies', async () => {
      if (!subject.succeed) return;
      await create('blue');
      await begin('one', 'blue');
      await begin('two', 'blue');
      const address = await addressOf('one', 'blue');
      await subject.succeed();
      await reached('two', 'one', 80, 'one');
      expect(await addressOf('one', 'blue')).toBe(address);
      await begin('three', 'blue');
      expect([address, await addressOf('two', 'blue')]).not.toContain(await addressOf('three', 'blue'));
      await reached('three', 'one', 80, 'one');
      await docker('network', 'disconnect', 'blue', 'one');
      expect(await docker('exec', 'one', 'ls', '/sys/class/net')).not.toContain('eth');
    });
  });
}
