import type { Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DriverSubject, networkDriverSuite } from '../../suites/network-driver.ts';
import { command, succeed } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { enterOwnNetwork, serve } from './own-network.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: an engine needs Linux and root');

/** Whether this kernel has links of a kind. */
async function has(kind: string): Promise<boolean> {
  const script = `ip link add one0 type veth peer name two0 && ip link add three0 link one0 type ${kind}`;
  return usable && (await command('unshare', ['-n', 'sh', '-c', script])).code === 0;
}

const kinds: [name: string, create: string[], kind: string][] = [
  ['bridge', ['-d', 'bridge'], 'macvlan'],
  ['macvlan', ['-d', 'macvlan', '-o', 'parent=out0'], 'macvlan'],
  ['ipvlan, l2', ['-d', 'ipvlan', '-o', 'parent=out0'], 'ipvlan'],
  ['ipvlan, l3', ['-d', 'ipvlan', '-o', 'parent=out0', '-o', 'ipvlan_mode=l3'], 'ipvlan'],
];

const present = new Map(await Promise.all(['macvlan', 'ipvlan'].map(async kind => [kind, await has(kind)] as const)));

describe.skipIf(!usable)('in a network of their own', () => {
  let engine: NativeEngine;
  let outside: Server;
  let before: string;

  beforeAll(async () => {
    const world = enterOwnNetwork(); // also the engine's: it is started from here
    outside = serve(world.neighbour, 7000, 'outside');
    await succeed('ip', ['link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0-peer']); // as hosts have one, too
    before = await state();
    engine = await startNativeEngine();
  }, 60_000);
  afterAll(async () => {
    outside.close();
    await engine.stop();
    expect(await state()).toBe(before);
  }, 60_000);

  /** Links and rules. */
  const state = (): Promise<string> => succeed('sh', ['-c', 'ip -o link | cut -d: -f2; nft list ruleset']);

  for (const [name, create, kind] of kinds) {
    const subject = (): DriverSubject => ({
      engine,
      create,
      ...(name === 'bridge' ? { subnet: '10.230.1' } : { subnet: '192.0.2', gateway: '192.0.2.1' }),
      ...(name === 'ipvlan, l3' ? {} : { outside: { address: '192.0.2.1', port: 7000, says: /^outside / } }),
      succeed: async () => {
        await engine.kill();
        await engine.restart();
      },
    });
    if (name === 'bridge' || present.get(kind)) networkDriverSuite(name, subject);
    else it.skip(`the network driver ${name}: this kernel has no ${kind}, the machine's test tries it`);
  }
});
