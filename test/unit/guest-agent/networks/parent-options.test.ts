import { describe, expect, it } from 'vitest';
import type { NetworkId } from '../../../../contracts/brand.ts';
import type { NetworkRecord } from '../../../../guest-agent/networks/contract.ts';
import { parentFor, parseVlanName } from '../../../../guest-agent/networks/parent-options.ts';

const record = (driver: 'macvlan' | 'ipvlan', link: string, options: Record<string, string> = {}): NetworkRecord => ({
  version: 1,
  id: 'a'.repeat(64) as NetworkId,
  name: 'there',
  driver,
  createdAt: '2026-01-01T00:00:00Z',
  internal: false,
  attachable: false,
  enableIPv4: true,
  enableIPv6: false,
  ipam: { driver: 'default', options: null, config: [] },
  options,
  labels: {},
  parent: { link, made: false },
  predefined: false,
});
const id = `123456789abc${'0'.repeat(52)}`;
const isThere = (link: string): boolean => link === 'eth0';

describe('the link that a network lives on', () => {
  it.each([
    ['macvlan', {}, { link: 'dm-123456789abc', made: true }],
    ['ipvlan', {}, { link: 'di-123456789abc', made: true }],
    ['macvlan', { parent: 'eth0' }, { link: 'eth0', made: false }],
    ['ipvlan', { parent: 'eth0.12', ipvlan_mode: 'l3' }, { link: 'eth0.12', made: true }],
  ] as const)('%s %j', (driver, options, parent) => {
    expect(parentFor({ driver, options, id }, [], isThere)).toEqual(parent);
  });

  it('has its tag in its name', () => {
    expect(parseVlanName('eth0.10')).toEqual({ link: 'eth0', id: 10 });
    expect(() => parseVlanName('eth0.4095')).toThrow('vlan id must be between 1-4094, received: 4095');
    expect(() => parseVlanName('eth0.1.2')).toThrow('invalid subinterface vlan name eth0.1.2');
  });

  it('is shared by some, and made for the first of those who share it', () => {
    const ask = (driver: 'macvlan' | 'ipvlan', other: NetworkRecord, options = {}) =>
      parentFor({ driver, options: { parent: 'eth0', ...options }, id }, [other], isThere);
    expect(ask('macvlan', record('macvlan', 'eth0'))).toEqual({ link: 'eth0', made: false });
    expect(() => ask('ipvlan', record('ipvlan', 'eth0'))).toThrow('network di-aaaaaaaaaaaa is already using');
    expect(() => ask('macvlan', record('macvlan', 'eth0'), { macvlan_mode: 'passthru' })).toThrow('cannot use mode');
    expect(() => ask('macvlan', record('macvlan', 'eth0', { macvlan_mode: 'passthru' }))).toThrow('in mode passthru');
    const made = { ...record('macvlan', 'eth0.5'), parent: { link: 'eth0.5', made: true } };
    const second = { driver: 'macvlan' as const, options: { parent: 'eth0.5' }, id };
    expect(parentFor(second, [made], link => link === 'eth0.5')).toEqual({ link: 'eth0.5', made: true });
  });
});
