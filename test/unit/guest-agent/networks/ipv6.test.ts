import { describe, expect, it } from 'vitest';
import {
  AddressPool6,
  chooseSubnet6,
  completeSubnet6,
  holds,
  ipv6Bytes,
  ipv6Text,
  parseCidr6,
  parseIpv6,
} from '../../../../guest-agent/networks/ipv6.ts';

describe('IPv6 addresses', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['fd00:0:0:1::', 'fd00:0:0:1::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
  ])('%s is %s', (text, shortest) => expect(ipv6Text(parseIpv6(text) ?? 0n)).toBe(shortest));

  it.each([
    '',
    '1',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'g::',
    '12345::',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7::8',
  ])('%s is none', text => expect(parseIpv6(text)).toBeUndefined());

  it('have bytes and blocks', () => {
    expect(ipv6Bytes('fd00::a1').toString('hex')).toBe('fd0000000000000000000000000000a1');
    expect(parseCidr6('fd00:1:2:3:4::5/64')?.block).toEqual({ base: parseIpv6('fd00:1:2:3::'), prefixLength: 64 });
    expect(parseCidr6('fd00::/129')).toBeUndefined();
    expect([holds('fd00:1::/64', 'fd00:1::9'), holds('fd00:1::/64', 'fd00:2::9')]).toEqual([true, false]);
  });

  it('of a network are chosen for this engine alone, or checked', () => {
    const first = chooseSubnet6('seed', []);
    expect(first.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(chooseSubnet6('seed', [first.subnet]).subnet).not.toBe(first.subnet);
    expect(chooseSubnet6('other', []).subnet).not.toBe(first.subnet);
    expect(completeSubnet6({ subnet: 'fd00:1::/64' }, [])).toEqual({
      subnet: 'fd00:1::/64',
      gateway: 'fd00:1::1',
      gatewayChosen: true,
    });
    const gatewayOf = (ipRange: string) => completeSubnet6({ subnet: 'fd00:1::/64', ipRange }, []).gateway;
    expect([gatewayOf('fd00:1::9:0/112'), gatewayOf('fd00:1::/112')]).toEqual(['fd00:1::9:0', 'fd00:1::1']);
    expect(() => completeSubnet6({ subnet: 'fd00:1::5/64' }, [])).toThrow('it should be fd00:1::/64');
    expect(() => completeSubnet6({ subnet: 'fd00:1::/64' }, ['10.0.0.0/8', 'fd00::/16'])).toThrow('Pool overlaps');
    expect(() => completeSubnet6({ subnet: 'fd00:1::/64', gateway: 'fd00:2::1' }, [])).toThrow(
      "parent subnet fd00:1::/64 doesn't contain this address",
    );
  });

  it('of containers come in their order and are given back', () => {
    const pool = new AddressPool6({ subnet: 'fd00:1::/64', gateway: 'fd00:1::1', auxiliary: { a: 'fd00:1::3' } });
    expect([pool.allocate(), pool.allocate()]).toEqual(['fd00:1::2', 'fd00:1::4']);
    expect(() => pool.allocate('fd00:1::4')).toThrow('Address already in use');
    pool.release('fd00:1::2');
    expect(pool.allocate()).toBe('fd00:1::2');
  });
});
