import { closeSync, openSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Networks, openNetworks } from '../../../guest-agent/networks/index.ts';
import { command, succeed } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { enterOwnNetwork, newOptions, newRequest, serve, visit } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
const legacy = async (): Promise<boolean> =>
  usable && (await command('unshare', ['-n', 'iptables-legacy', '-S']).catch(() => ({ code: 1 }))).code === 0;
const testable = await legacy();
if (!testable) console.log('skipped: old tables need Linux, root, iptables-legacy and a kernel that has them');

describe.skipIf(!testable)('a host whose old tables drop what is forwarded', () => {
  let world: ReturnType<typeof enterOwnNetwork>;
  let options: ReturnType<typeof newOptions>;
  let networks: Networks;
  const rules = (chain: string): Promise<string> => succeed('iptables-legacy', ['-S', chain]);

  beforeAll(async () => {
    world = enterOwnNetwork();
    options = newOptions('berth8');
    networks = await openNetworks(options);
    await networks.reconcile();
  });
  afterAll(() => rmSync(options.folder, { recursive: true }));

  it('lets containers through, where others are wanted or at the head, and is as before when we go', async () => {
    await succeed('iptables-legacy', ['-P', 'FORWARD', 'DROP']);
    await eventually('the marks are there', async () => (await rules('FORWARD')).includes('berth berth8'));
    const { record, namespacePath = '' } = await networks.connect(
      newRequest(options.folder, { ports: [{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }] }),
    );
    const inside = openSync(namespacePath, 'r');
    const servers = [serve(inside, 80, 'one'), serve(world.neighbour, 7000, 'outside')];
    expect(await visit(world.neighbour, world.hostAddress, 8080, 2)).toMatch(/^one /);
    expect(await visit(inside, world.neighbourAddress, 7000, 2)).toMatch(/^outside /);
    for (const server of servers) server.close();
    closeSync(inside);
    await networks.release(record.id);

    for (const args of [
      ['-N', 'DOCKER-USER'],
      ['-A', 'DOCKER-USER', '-j', 'RETURN'],
    ])
      await succeed('iptables-legacy', args);
    await networks.create({ name: 'blue' });
    const bridge = networks.get('blue').bridge ?? '';
    const listed = (await rules('DOCKER-USER')).trim().split('\n');
    expect(listed.filter(line => line.includes(`berth ${bridge}`))).toHaveLength(2);
    expect(listed.at(-1)).toBe('-A DOCKER-USER -j RETURN');
    await networks.close({ removeAll: true });
    expect(await rules('FORWARD')).toBe('-P FORWARD DROP\n');
    expect(await rules('DOCKER-USER')).toBe('-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n');
  });
});
