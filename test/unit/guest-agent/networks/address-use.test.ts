import { expect, it } from 'vitest';
import { addressUse } from '../../../../guest-agent/networks/address-use.ts';

const v4 = { subnet: '172.20.0.0/16', gateway: '172.20.0.1' };

it('counts the network, its gateway and its broadcast beside the containers', () => {
  expect(addressUse(v4, ['172.20.0.2/16', '172.20.0.3/16'])).toEqual({ inUse: 5, available: 65_531 });
});

it('counts what is free in the range alone', () => {
  const auxiliary = { inside: '172.20.1.1', outside: '172.20.2.1' };
  const subnet = { ...v4, ipRange: '172.20.1.0/30', auxiliary };
  expect(addressUse(subnet, ['172.20.1.0'])).toEqual({ inUse: 6, available: 2 });
});

it('stays below 2^64, which is what reads it', () => {
  const { inUse, available } = addressUse({ subnet: 'fd00::/64', gateway: 'fd00::1' }, ['fd00::2/64', '172.20.0.2/16']);
  expect(inUse).toBe(3);
  expect(BigInt(JSON.stringify(available))).toBeLessThan(2n ** 64n);
});
