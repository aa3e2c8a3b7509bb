import {
  type Answer,
  AUTHENTIC_DATA,
  CHECKING_DISABLED,
  decode,
  encode,
  encodingLength,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import type { NameView } from './contract.ts';

/** As Docker says it. */
const secondsToLive = 600;
/** Of a datagram whose sender says nothing about it (RFC 1035). */
const smallestDatagram = 512;
const largestDatagram = 4096;
const largestMessage = 65_535;
const serverFailure = 2;
const responseBit = 1 << 15;
const opcodeBits = 0b1111 << 11;

export type Transport = 'udp' | 'tcp';

/** The only question of a query, and how much its sender takes. Undefined: nothing that we answer. */
export interface Query {
  packet: Packet;
  question: Question;
  largest: number;
}

/** Never throws: what cannot be read is not worth an answer. */
export function parseQuery(message: Buffer, transport: Transport): Query | undefined {
  let packet: Packet;
  try {
    packet = decode(message);
  } catch {
    return undefined;
  }
  const flags = message.readUInt16BE(2);
  const [question] = packet.questions ?? [];
  if (!question || (flags & responseBit) !== 0 || (flags & opcodeBits) !== 0) return undefined;
  return { packet, question, largest: transport === 'tcp' ? largestMessage : datagramLimit(packet) };
}

/** What we know ourselves as a message; undefined: others are to be asked. */
export function answerOf(query: Query, view: NameView): Buffer | undefined {
  const answers = answersTo(query.question, view);
  return answers && fitting(query, answers);
}

/** Nobody could say anything. */
export const failureOf = (query: Query): Buffer => encode(replyTo(query, [], serverFailure));

/** Names without a dot belong to us, where the container's user has set a search list of his own. */
export const staysHere = ({ question: { name, type } }: Query, view: NameView): boolean =>
  view.keepsShortNames && (type === 'A' || type === 'AAAA') && !name.replace(/\.$/, '').includes('.');

/** Nothing under this name, and no more to say. */
export const emptyAnswer = (query: Query): Buffer => encode(replyTo(query, []));

function answersTo({ name, type, class: netClass }: Question, view: NameView): Answer[] | undefined {
  if (netClass !== undefined && netClass !== 'IN') return undefined;
  const head = { name, class: 'IN' as const, ttl: secondsToLive };
  if (type === 'PTR') {
    const address = addressOf(name);
    const found = address && view.nameOf(address);
    return found ? [{ ...head, type, data: found }] : undefined;
  }
  if (type !== 'A' && type !== 'AAAA' && type !== 'MX') return undefined;
  const found = view.find(name.toLowerCase().replace(/\.$/, ''));
  if (!found) return undefined;
  if (type === 'MX') return [];
  return shuffled(type === 'A' ? found.ipv4 : found.ipv6).map(data => ({ ...head, type, data }));
}

/** `3.0.77.10.in-addr.arpa` → `10.77.0.3`; of IPv6 addresses the eight groups, without leading zeros. */
export function addressOf(name: string): string | undefined {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.').reverse();
  if (labels.shift() !== 'arpa') return undefined;
  const family = labels.shift();
  if (family === 'in-addr' && labels.length === 4) return labels.join('.');
  if (family !== 'ip6' || labels.length !== 32) return undefined;
  const groups = labels.join('').match(/.{4}/g) ?? [];
  return groups.map(group => Number.parseInt(group, 16).toString(16)).join(':');
}

/** Several containers of one name share its visitors: each answer begins with another. */
function shuffled(addresses: readonly string[]): string[] {
  const mixed = [...addresses];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] ?? '', mixed[last] ?? ''];
  }
  return mixed;
}

function replyTo({ packet, question }: Query, answers: Answer[], rcode = 0): Packet {
  const asked = (packet.flags ?? 0) & (RECURSION_DESIRED | CHECKING_DISABLED) & ~AUTHENTIC_DATA;
  const extended = packet.additionals?.some(record => record.type === 'OPT');
  return {
    type: 'response',
    id: packet.id,
    flags: asked | RECURSION_AVAILABLE | rcode,
    questions: [question],
    answers,
    ...(extended && {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: largestDatagram,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    }),
  };
}

/** As many answers as the sender takes; the flag tells it to come again by TCP. */
function fitting(query: Query, answers: Answer[]): Buffer {
  const whole = replyTo(query, answers);
  if (encodingLength(whole) <= query.largest) return encode(whole);
  let kept = answers.length;
  let cut = whole;
  while (kept > 0 && encodingLength(cut) > query.largest) {
    kept -= Math.max(1, Math.floor(kept / 8));
    cut = replyTo(query, answers.slice(0, kept));
  }
  return encode({ ...cut, flags: (cut.flags ?? 0) | TRUNCATED_RESPONSE });
}

function datagramLimit({ additionals }: Packet): number {
  const extension = additionals?.find(record => record.type === 'OPT');
  const wish = extension && 'udpPayloadSize' in extension ? extension.udpPayloadSize : smallestDatagram;
  return Math.min(Math.max(wish, smallestDatagram), largestDatagram);
}
