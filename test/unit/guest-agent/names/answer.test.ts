import { decode, encode, type Packet } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { addressOf, answerOf, failureOf, parseQuery, staysHere } from '../../../../guest-agent/names/answer.ts';
import type { NameView } from '../../../../guest-agent/names/contract.ts';
import { framed, MessageReader } from '../../../../guest-agent/names/framing.ts';

const many = Array.from({ length: 100 }, (_, number) => `10.0.0.${number}`);
const known: Record<string, { ipv4: string[]; ipv6: string[] }> = {
  web: { ipv4: ['10.0.0.1'], ipv6: ['fd00::1'] },
  four: { ipv4: ['10.0.0.2'], ipv6: [] },
  many: { ipv4: many, ipv6: [] },
};
const view: NameView = {
  find: name => known[name],
  nameOf: address => (address === '10.0.0.1' || address === 'fd00:0:0:0:0:0:0:1' ? 'web.blue' : undefined),
  upstreams: [],
  keepsShortNames: true,
};

type Type = 'A' | 'AAAA' | 'PTR' | 'MX' | 'TXT';
const question = (name: string, type: Type, more: Partial<Packet> = {}): Buffer =>
  encode({ type: 'query', id: 99, flags: 256, questions: [{ name, type }], ...more });

function ask(name: string, type: Type = 'A', transport: 'udp' | 'tcp' = 'udp'): ReturnType<typeof decode> | undefined {
  const query = parseQuery(question(name, type), transport);
  const answer = query && answerOf(query, view);
  return answer && decode(answer);
}
const dataOf = (answer: ReturnType<typeof decode> | undefined): unknown[] | undefined =>
  answer?.answers?.map(record => ('data' in record ? record.data : undefined));

describe('an answer', () => {
  it('has the question as it was asked, and what is known', () => {
    const answer = ask('WEB');
    expect(answer).toMatchObject({ id: 99, type: 'response', flag_ra: true, flag_rd: true });
    expect(answer?.questions).toEqual([{ name: 'WEB', type: 'A', class: 'IN' }]);
    expect(answer?.answers).toMatchObject([{ name: 'WEB', type: 'A', ttl: 600, data: '10.0.0.1' }]);
    expect(dataOf(ask('web.', 'AAAA'))).toEqual(['fd00::1']);
  });

  it('is empty for what a known name does not have, and left to others for the rest', () => {
    expect([dataOf(ask('four', 'AAAA')), dataOf(ask('web', 'MX'))]).toEqual([[], []]);
    expect([ask('web', 'TXT'), ask('unknown'), ask('9.0.0.10.in-addr.arpa', 'PTR')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('turns addresses into names', () => {
    expect(dataOf(ask('1.0.0.10.in-addr.arpa', 'PTR'))).toEqual(['web.blue']);
    expect(dataOf(ask(`1.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`, 'PTR'))).toEqual(['web.blue']);
    expect([addressOf('1.0.10.in-addr.arpa'), addressOf('example.com')]).toEqual([undefined, undefined]);
  });

  it('is as long as the sender takes, in another order each time', () => {
    const cut = ask('many');
    expect([cut?.flag_tc, (cut?.answers?.length ?? 0) > 10]).toEqual([true, true]);
    const whole = ask('many', 'A', 'tcp');
    expect([whole?.flag_tc, dataOf(whole)?.toSorted()]).toEqual([false, many.toSorted()]);
    expect(dataOf(ask('many', 'A', 'tcp'))).not.toEqual(dataOf(whole));
  });

  it('tells of a failure, and keeps short names to itself where the user set ndots', () => {
    const query = parseQuery(question('unknown', 'A'), 'udp');
    expect(query && (decode(failureOf(query)).flags ?? 0) & 15).toBe(2);
    expect(query && staysHere(query, view)).toBe(true);
    const dotted = parseQuery(question('a.b', 'A'), 'udp');
    expect(dotted && staysHere(dotted, view)).toBe(false);
  });

  it('is not given to what is no question', () => {
    const response = encode({ type: 'response', id: 1, questions: [{ name: 'web', type: 'A' }] });
    const update = question('web', 'A');
    update.writeUInt16BE(5 << 11, 2);
    for (const message of [Buffer.alloc(0), Buffer.alloc(12), Buffer.alloc(50, 0xff), response, update])
      expect(parseQuery(message, 'udp')).toBeUndefined();
  });
});

it('messages of a stream come out whole, however they are cut', () => {
  const messages = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(300, 7)];
  const stream = Buffer.concat(messages.map(framed));
  for (const size of [1, 2, 3, 100, 1000]) {
    const found: Buffer[] = [];
    const reader = new MessageReader(message => found.push(Buffer.from(message)));
    for (let offset = 0; offset < stream.length; offset += size) reader.take(stream.subarray(offset, offset + size));
    expect(found).toEqual(messages);
  }
});
