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
    ['routed', { internal: false, masquerade: true, subnet6: 'fd00:1::/64', routed: ['ip6' as const] }],
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
    const plain = { bridge: 'b', subnet: '172.17.0.0/16', internal: false, masquerade: true };
    const commands = replaceCommands(plain, forwards.slice(0, 1)).split('\n');
    expect(commands.filter(command => command.startsWith('flush map'))).toHaveLength(6);
    expect(commands.at(-1)).toBe('add element ip berth_b tcp_anywhere { 8080 : 172.17.0.2 . 80 }');
    expect(replaceCommands(plain, [])).not.toContain('add');
  });

  it('where addresses are known outside a port is let in at the container, once', () => {
    const port = { protocol: 'tcp' as const, hostIp: '::', hostPort: 0, address: 'fd00:1::2', containerPort: 80 };
    expect(publishCommands('b', [port, port])).toBe('add element ip6 berth_b tcp_open { fd00:1::2 . 80 }');
    const rules = { bridge: 'b', subnet6: 'fd00:1::/64', internal: false, masquerade: true, routed: ['ip6' as const] };
    expect(replaceCommands(rules, []).split('\n')).toContain('flush set ip6 berth_b tcp_open');
  });

  it('removing does not mind an absent table', () => {
    expect(removeTableCommands('b').split('\n')).toEqual(['add table ip berth_b', 'delete table ip berth_b']);
  });
});
