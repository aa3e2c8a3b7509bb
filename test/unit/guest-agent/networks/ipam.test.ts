import { describe, expect, it } from 'vitest';
import {
  AddressPool,
  chooseSubnet,
  completeSubnet,
  macOf,
  subnetOfBridge,
} from '../../../../guest-agent/networks/ipam.ts';
import { blockText, overlaps, parseCidr, parseIpv4 } from '../../../../guest-agent/networks/ipv4.ts';

const block = (text: string) => parseCidr(text).block;

describe('IPv4 arithmetic', () => {
  it.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', 'a.b.c.d', '1.2.3.-4', ' 1.2.3.4'])(
    'refuses %j',
    text => {
      expect(parseIpv4(text)).toBeUndefined();
    },
  );

  it('keeps high addresses unsigned', () => {
    expect(parseIpv4('255.255.255.255')).toBe(2 ** 32 - 1);
    expect(blockText(block('192.168.77.5/20'))).toBe('192.168.64.0/20');
    expect(overlaps(block('172.16.0.0/12'), block('172.20.1.0/24'))).toBe(true);
    expect(overlaps(block('172.17.0.0/16'), block('172.18.0.0/16'))).toBe(false);
  });
});

describe('the choice of a subnet', () => {
  it("goes through Docker's pools and keeps away from what is taken", () => {
    expect(chooseSubnet([])).toEqual({ subnet: '172.17.0.0/16', gateway: '172.17.0.1' });
    expect(chooseSubnet([block('172.16.0.0/15'), block('172.18.3.0/24')]).subnet).toBe('172.19.0.0/16');
    expect(chooseSubnet([block('172.16.0.0/12'), block('192.168.1.0/24')]).subnet).toBe('192.168.16.0/20');
  });

  it('says so when everything is taken', () => {
    expect(() => chooseSubnet([block('0.0.0.0/0')])).toThrow('all predefined address pools have been fully subnetted');
  });

  it('checks what a user asks for', () => {
    expect(completeSubnet({ subnet: '10.1.0.0/24' }, [])).toEqual({
      subnet: '10.1.0.0/24',
      gateway: '10.1.0.1',
      gatewayChosen: true,
    });
    expect(completeSubnet({ subnet: '10.1.0.0/24', gateway: '10.1.0.254' }, []).gateway).toBe('10.1.0.254');
    const gatewayOf = (ipRange: string) => completeSubnet({ subnet: '10.1.0.0/24', ipRange }, []).gateway;
    expect([gatewayOf('10.1.0.128/25'), gatewayOf('10.1.0.0/25')]).toEqual(['10.1.0.128', '10.1.0.1']);
    expect(() => completeSubnet({ subnet: '10.1.0.5/24' }, [])).toThrow('it should be 10.1.0.0/24');
    expect(() => completeSubnet({ subnet: '10.1.0.0/24', gateway: '10.2.0.1' }, [])).toThrow(
      "parent subnet 10.1.0.0/24 doesn't contain this address",
    );
    expect(() => completeSubnet({ subnet: '10.1.0.0/24' }, [block('10.0.0.0/8')])).toThrow(
      'Pool overlaps with other one',
    );
    expect(() => completeSubnet({ subnet: 'nonsense' }, [])).toThrow(
      'invalid subnet nonsense: invalid CIDR block notation',
    );
    expect(subnetOfBridge('10.9.0.7/16')).toEqual({ subnet: '10.9.0.0/16', gateway: '10.9.0.7' });
  });
});

describe('the addresses of a subnet', () => {
  it('are given in order, lowest first, and again when they are back', () => {
    const pool = new AddressPool({ subnet: '172.17.0.0/16', gateway: '172.17.0.1' });
    expect([pool.allocate(), pool.allocate(), pool.allocate()]).toEqual(['172.17.0.2', '172.17.0.3', '172.17.0.4']);
    pool.release('172.17.0.3');
    pool.release('172.17.0.3');
    expect([pool.allocate(), pool.allocate()]).toEqual(['172.17.0.3', '172.17.0.5']);
  });

  it('end, are exclusive, and never are network, gateway or broadcast', () => {
    const pool = new AddressPool({ subnet: '10.0.0.0/29', gateway: '10.0.0.1' });
    expect(pool.allocate('10.0.0.4')).toBe('10.0.0.4');
    expect(() => pool.allocate('10.0.0.4')).toThrow('Address already in use');
    expect(() => pool.allocate('10.0.0.1')).toThrow('Address already in use');
    expect(() => pool.allocate('10.0.1.1')).toThrow('no configured subnet contains');
    const rest = [pool.allocate(), pool.allocate(), pool.allocate(), pool.allocate()];
    expect(rest).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.5', '10.0.0.6']);
    expect(() => pool.allocate()).toThrow('no available IPv4 addresses');
  });

  it('come from the range if there is one', () => {
    const pool = new AddressPool({ subnet: '10.0.0.0/16', gateway: '10.0.0.1', ipRange: '10.0.5.0/24' });
    expect(pool.allocate()).toBe('10.0.5.0');
    expect(pool.allocate('10.0.9.9')).toBe('10.0.9.9');
  });

  it('have a MAC of their own', () => {
    expect(macOf('172.17.0.2')).toBe('02:42:ac:11:00:02');
  });
});
