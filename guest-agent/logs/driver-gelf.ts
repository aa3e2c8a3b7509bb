import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { deflateSync, gzipSync } from 'node:zlib';
import { invalidArgument } from '../../contracts/errors.ts';
import { type DriverKind, type DriverRequest, type LogDriver, type LoggedLine, unknownOption } from './driver.ts';
import { goJson } from './json-line.ts';
import { renderTag } from './log-tag.ts';
import { openDatagrams, openStream, type Sender } from './senders.ts';

const known = [
  ...['gelf-address', 'tag', 'labels', 'labels-regex', 'env', 'env-regex'],
  ...['gelf-compression-level', 'gelf-compression-type', 'gelf-tcp-max-reconnect', 'gelf-tcp-reconnect-delay'],
];
const levels = { stdout: 6, stderr: 3 } as const;
/** GELF's magic bytes, an id of eight bytes, the number of the part and how many there are. */
const chunkHeaderBytes = 12;
const datagramBytes = 1420;
const mostChunks = 128;

type Options = DriverRequest['options'];

function parseAddress(text: string): { scheme: string; host: string; port: number } {
  if (text === '') throw invalidArgument('gelf-address is a required parameter');
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme !== 'udp' && scheme !== 'tcp') throw invalidArgument('gelf: endpoint needs to be TCP or UDP');
  const [, host = '', port = ''] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(rest) ?? [];
  if (port === '') throw invalidArgument('gelf: please provide gelf-address as proto://host:port');
  return { scheme, host, port: Number(port) };
}

function check(options: Options): void {
  const { scheme } = parseAddress(options['gelf-address'] ?? '');
  const bad = (name: string): Error =>
    invalidArgument(`unknown value "${options[name]}" for log opt "${name}" for gelf log driver`);
  const unknown = unknownOption(options, known);
  if (unknown) throw invalidArgument(`unknown log opt "${unknown}" for gelf log driver`);
  const { 'gelf-compression-level': level, 'gelf-compression-type': type } = options;
  if (scheme !== 'udp' && (level || type)) throw invalidArgument('compression is only supported on UDP');
  if (level && !(/^-?\d+$/.test(level) && Number(level) >= -1 && Number(level) <= 9))
    throw bad('gelf-compression-level');
  if (type && !['gzip', 'zlib', 'none'].includes(type)) throw bad('gelf-compression-type');
  for (const name of ['gelf-tcp-max-reconnect', 'gelf-tcp-reconnect-delay']) {
    const value = options[name];
    if (value === undefined) continue;
    if (scheme !== 'tcp') throw invalidArgument(`"${name}" is only valid for TCP`);
    if (!/^\d+$/.test(value)) throw invalidArgument(`"${name}" must be a positive integer`);
  }
}

/** Parts of a message that fits into no datagram. @throws Error when it is too long for GELF */
function chunks(message: Buffer): Buffer[] {
  if (message.length <= datagramBytes) return [message];
  const room = datagramBytes - chunkHeaderBytes;
  const count = Math.ceil(message.length / room);
  if (count > mostChunks) return [];
  const id = randomBytes(8);
  return Array.from({ length: count }, (_, number) =>
    Buffer.concat([
      Buffer.from([0x1e, 0x0f]),
      id,
      Buffer.from([number, count]),
      message.subarray(number * room, (number + 1) * room),
    ]),
  );
}

function compressor(options: Options): (message: Buffer) => Buffer {
  const level = Number(options['gelf-compression-level'] ?? 1);
  switch (options['gelf-compression-type'] ?? 'gzip') {
    case 'none':
      return message => message;
    case 'zlib':
      return message => deflateSync(message, { level });
    default:
      return message => gzipSync(message, { level });
  }
}

async function senderFor({ options, patient, lost }: DriverRequest): Promise<Sender> {
  const { scheme, host, port } = parseAddress(options['gelf-address'] ?? '');
  if (scheme === 'udp') return openDatagrams({ host, port }, { split: chunks, lost });
  const most = Number(options['gelf-tcp-max-reconnect'] ?? 3);
  const waitMs = Number(options['gelf-tcp-reconnect-delay'] ?? 1) * 1000;
  const retries = { most, waitMs: () => waitMs };
  return openStream({ network: 'tcp', host, port }, { retries, patient, lost }).catch(error => {
    throw new Error(`gelf: cannot connect to GELF endpoint: ${host}:${port} ${error.message}`, { cause: error });
  });
}

async function open(request: DriverRequest): Promise<LogDriver> {
  const { options, subject, attributes } = request;
  const more = {
    ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`_${key.replace(/^_/, '')}`, value])),
    _command: subject.command.join(' '),
    _container_id: subject.id,
    _container_name: subject.name,
    _created: subject.createdAt,
    _image_id: subject.imageId,
    _image_name: subject.imageName,
    _tag: renderTag(options.tag ?? '{{.ID}}', subject),
  };
  const sorted = Object.fromEntries(Object.entries(more).sort(([left], [right]) => (left < right ? -1 : 1)));
  const overTcp = (options['gelf-address'] ?? '').startsWith('tcp');
  const compress = compressor(options);
  const sender = await senderFor(request);
  const document = ({ stream, line, time }: LoggedLine): string =>
    goJson({
      version: '1.1',
      host: hostname(),
      short_message: line.toString('utf8'),
      timestamp: Number(time / 1_000_000n) / 1000,
      level: levels[stream],
      ...sorted,
    });
  return {
    write: line => {
      if (line.line.length === 0) return undefined;
      return sender.send(overTcp ? Buffer.from(`${document(line)}\0`) : compress(Buffer.from(document(line))));
    },
    close: () => sender.close(),
  };
}

/** https://docs.docker.com/engine/logging/drivers/gelf/ */
export const gelf: DriverKind = { check, open };
