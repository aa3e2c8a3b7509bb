import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import {
  AF_INET,
  AF_INET6,
  bindSocket,
  inet6Address,
  inetAddress,
  openSocket,
  SOCK_DGRAM,
  SOCK_STREAM,
} from '../syscalls/socket.ts';
import type { Transport } from './answer.ts';
import type { Upstream } from './contract.ts';
import { framed, MessageReader } from './framing.ts';

const domainPort = 53;
const serverFailure = 2;
const refused = 5;
/** Clients give up after five seconds: a second server must have its turn before. */
const patienceMs = 2000;
const rcodeOf = (message: Buffer): number => message.readUInt8(3) & 0b1111;

/** Runs `work` in the network namespace from which a server is asked. */
export type Enter = <Result>(upstream: Upstream, work: () => Result) => Result;

/**
 * Asks one server after the other until one has an answer; each query has an id and a port that nobody can guess.
 * Undefined when none answers.
 */
export async function askUpstreams(
  query: Buffer,
  transport: Transport,
  upstreams: readonly Upstream[],
  { enter, signal }: { enter: Enter; signal: AbortSignal },
): Promise<Buffer | undefined> {
  let answer: Buffer | undefined;
  for (const upstream of upstreams) {
    if (signal.aborted) return undefined;
    const answered = await askOne(query, transport, upstream, { enter, signal });
    if (answered) answer = answered;
    if (answered && rcodeOf(answered) !== serverFailure && rcodeOf(answered) !== refused) break;
  }
  if (!answer) return undefined;
  query.copy(answer, 0, 0, 2);
  return answer;
}

function askOne(
  query: Buffer,
  transport: Transport,
  upstream: Upstream,
  { enter, signal }: { enter: Enter; signal: AbortSignal },
): Promise<Buffer | undefined> {
  const own = Buffer.from(query);
  own.writeUInt16BE(randomInt(65_536), 0);
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  let close: (() => void) | undefined;
  const done = (answer?: Buffer): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    close?.();
    close = undefined;
    resolve(answer);
  };
  const giveUp = (): void => done();
  const timer = setTimeout(giveUp, patienceMs);
  signal.addEventListener('abort', giveUp);
  const listen = (message: Buffer): void => {
    if (isAnswerTo(message, own)) done(message);
  };
  try {
    close = enter(upstream, () =>
      (transport === 'udp' ? sendDatagram : sendStream)(own, upstream.address, listen, giveUp),
    );
  } catch {
    done(); // no route, no descriptor: as good as no answer
  }
  return promise;
}

/** The same id and, letter by letter, the same question. */
function isAnswerTo(message: Buffer, query: Buffer): boolean {
  if (message.length < 12 || message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((message.readUInt8(2) & 0x80) === 0) return false;
  if (message.readUInt16BE(4) === 0) return rcodeOf(message) !== 0; // some refuse without repeating the question
  const end = questionEnd(query);
  return message.subarray(12, end).equals(query.subarray(12, end));
}

function questionEnd(message: Buffer): number {
  let offset = 12;
  while (offset < message.length && message.readUInt8(offset) !== 0) offset += message.readUInt8(offset) + 1;
  return offset + 5;
}

type Send = (query: Buffer, address: string, listen: (message: Buffer) => void, giveUp: () => void) => () => void;

/** The socket is made by ourselves, for it must be made at once: the thread is in its network only now. */
const sendDatagram: Send = (query, address, listen, giveUp) => {
  const six = address.includes(':');
  const fd = openSocket(six ? AF_INET6 : AF_INET, SOCK_DGRAM);
  bindSocket(fd, six ? inet6Address(Buffer.alloc(16), 0) : inetAddress(Buffer.alloc(4), 0), 'query');
  const socket = createSocket(six ? 'udp6' : 'udp4');
  socket.on('error', giveUp);
  socket.on('message', (message, from) => {
    if (from.port === domainPort && from.address === address) listen(message);
  });
  socket.bind({ fd });
  socket.send(query, domainPort, address, error => error && giveUp());
  return () => socket.close();
};

const sendStream: Send = (query, address, listen, giveUp) => {
  const fd = openSocket(address.includes(':') ? AF_INET6 : AF_INET, SOCK_STREAM);
  const socket = new Socket({ fd });
  const reader = new MessageReader(listen);
  socket.on('error', giveUp);
  socket.on('close', giveUp);
  socket.on('data', data => reader.take(Buffer.from(data)));
  socket.connect({ port: domainPort, host: address });
  socket.write(framed(query));
  return () => void socket.destroy();
};
