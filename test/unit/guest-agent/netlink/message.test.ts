import { describe, expect, it } from 'vitest';
import { addAddress } from '../../../../guest-agent/netlink/address.ts';
import { addPair, changeLink, decodeLink } from '../../../../guest-agent/netlink/link.ts';
import {
  decodeAnswer,
  decodeAttributes,
  decodeMessages,
  encodeAttributes,
  encodeRequest,
  text,
  u32,
} from '../../../../guest-agent/netlink/message.ts';
import { setRoute } from '../../../../guest-agent/netlink/route.ts';

const hexLines = (bytes: Buffer): string => `${bytes.toString('hex').replace(/.{8}/g, '$& ').trimEnd()}\n`;

describe('netlink messages', () => {
  it('are what the kernel reads', async () => {
    const requests = [
      addPair({ name: 've0', mtu: 1500, master: 7, peer: { name: 'eth0', namespace: 9 } }),
      changeLink(7, { up: true, noLinkLocal: true }),
      changeLink('eth0', { macAddress: '02:42:ac:11:00:02' }),
      addAddress({ index: 2, address: '172.17.0.2', prefixLength: 16 }),
      setRoute({ destination: '0.0.0.0', prefixLength: 0, gateway: '172.17.0.1', index: 2 }),
    ];
    const wire = requests.map((request, index) => hexLines(encodeRequest(request, index + 1))).join('');
    await expect(wire).toMatchFileSnapshot('__golden__/requests.txt');
  });

  it('survive a round trip, aligned and nested', () => {
    const attributes = decodeAttributes(
      encodeAttributes([
        [3, text('abc')],
        [18, [[1, text('veth')]]],
        [4, u32(1500)],
      ]),
    );
    expect(attributes.get(3)?.toString()).toBe('abc\0');
    expect(
      decodeAttributes(attributes.get(18) ?? Buffer.alloc(0))
        .get(1)
        ?.toString(),
    ).toBe('veth\0');
    expect(attributes.get(4)?.readUInt32LE()).toBe(1500);
  });

  it('come several to a datagram, and a torn one ends the list', () => {
    const one = encodeRequest(changeLink(1, { up: true }), 1);
    const two = encodeRequest(changeLink(2, { name: 'x' }), 2);
    const found = decodeMessages(Buffer.concat([one, two, two.subarray(0, 20)]));
    expect(found.map(message => message.sequence)).toEqual([1, 2]);
    expect(decodeMessages(Buffer.alloc(64))).toEqual([]);
  });

  it('tell the reason of a refusal', () => {
    const payload = Buffer.concat([u32(-17), Buffer.alloc(16), encodeAttributes([[1, text('File is there')]])]);
    const message = { type: 2, flags: 0x300, sequence: 1, payload };
    expect(decodeAnswer(message)).toEqual({ errno: 17, reason: 'File is there' });
    expect(decodeAnswer({ ...message, flags: 0, payload: u32(0) })).toEqual({ errno: 0 });
  });

  it('describe a link with its counters', () => {
    const statistics = Buffer.alloc(24 * 8);
    [10, 20, 1000, 2000, 1, 2, 3, 4].forEach(
      (value, index) => void statistics.writeBigUInt64LE(BigInt(value), index * 8),
    );
    const head = Buffer.alloc(16);
    head.writeInt32LE(5, 4);
    head.writeUInt32LE(1, 8);
    const payload = Buffer.concat([
      head,
      encodeAttributes([
        [3, text('ve0')],
        [1, Buffer.from('0242ac110002', 'hex')],
        [10, u32(4)],
        [18, [[1, text('veth')]]],
        [23, statistics],
      ]),
    ]);
    expect(decodeLink({ type: 16, flags: 0, sequence: 1, payload })).toMatchObject({
      index: 5,
      name: 've0',
      up: true,
      master: 4,
      kind: 'veth',
      macAddress: '02:42:ac:11:00:02',
      statistics: {
        rxPackets: 10,
        txPackets: 20,
        rxBytes: 1000,
        txBytes: 2000,
        rxErrors: 1,
        txErrors: 2,
        rxDropped: 3,
        txDropped: 4,
      },
    });
  });
});
