import { describe, expect, it } from 'vitest';
import {
  type PortForward,
  publishCommands,
  removeTableCommands,
  replaceCommands,
  tableCommands,
  withdrawCommands,
} from '../../../../guest-agent/firewall/ruleset.ts';

const forwards: PortForward[] = [
  { protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080, address: '172.17.0.2', containerPort: 80 },
  { protocol: 'udp', hostIp: '127.0.0.1', hostPort: 5353, address: '172.17.0.2', containerPort: 53 },
];

describe('the rules of a bridge', () => {
  it.each([
    ['bridge', { internal: false, masquerade: true }],
    ['bridge-without-masquerade', { internal: false, masquerade: false }],
    ['internal', { internal: true, masquerade: true }],
    [
      'open-and-hidden',
      {
        internal: false,
        masquerade: true,
        sources: { ip: '192.0.2.9' },
        openTo: { ip: ['out0'], ip6: 'everybody' as const },
      },
    ],
    ['six-alone', { internal: false, masquerade: true, subnet: undefined, subnet6: 'fd00:1::/64' }],
  ])('%s', async (name, kind) => {
    const rules = tableCommands({ bridge: 'berth0', subnet: '172.17.0.0/16', ...kind });
    await expect(`${rules}\n`).toMatchFileSnapshot(`__golden__/${name}.nft`);
  });

  it('publishing is one command for each port, withdrawing its mirror', () => {
    expect(publishCommands('berth0', forwards).split('\n')).toEqual([
      'add element ip berth_berth0 tcp_anywhere { 8080 : 172.17.0.2 . 80 }',
      'add element ip berth_berth0 udp_at { 127.0.0.1 . 5353 : 172.17.0.2 . 53 }',
    ]);
    expect(withdrawCommands('berth0', forwards).split('\n')).toEqual([
      'delete element ip berth_berth0 tcp_anywhere { 8080 }',
      'delete element ip berth_berth0 udp_at { 127.0.0.1 . 5353 }',
    ]);
  });

  it('replacing empties every map first', () => {
    const commands = replaceCommands('b', forwards.slice(0, 1)).split('\n');
    expect(commands.filter(command => command.startsWith('flush map'))).toHaveLength(6);
    expect(commands.at(-1)).toBe('add element ip berth_b tcp_anywhere { 8080 : 172.17.0.2 . 80 }');
    expect(replaceCommands('b', [])).not.toContain('add');
  });

  it('removing does not mind an absent table', () => {
    expect(removeTableCommands('b').split('\n')).toEqual(['add table ip berth_b', 'delete table ip berth_b']);
  });
});
