import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { own } from '../../base/own.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import { type DriverKind, type DriverRequest, type LogDriver, unknownOption } from './driver.ts';
import { renderTag } from './log-tag.ts';
import { openDatagrams, openStream, openUnixDatagrams, type Sender } from './senders.ts';

const known = [
  ...['env', 'env-regex', 'labels', 'labels-regex', 'syslog-address', 'syslog-facility', 'syslog-tls-ca-cert'],
  ...['syslog-tls-cert', 'syslog-tls-key', 'syslog-tls-skip-verify', 'tag', 'syslog-format'],
];
const facilities = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['', '', '', '', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
];
const severities = { stdout: 6, stderr: 3 } as const;
const formats = ['', 'rfc3164', 'rfc5424', 'rfc5424micro'];
const localPaths = ['/dev/log', '/var/run/syslog', '/var/run/log'];
const defaultPort = 514;
/** As srslog: a broken connection is made anew once for a message. */
const retries = { most: 0, waitMs: () => 0 };

type Options = DriverRequest['options'];
type Address =
  | { scheme: 'udp' | 'tcp' | 'tcp+tls'; host: string; port: number }
  | { scheme: 'unix' | 'unixgram'; path: string }
  | { scheme: 'local' };

function parseAddress(text: string): Address {
  if (text === '') return { scheme: 'local' };
  const scheme = /^([a-z+]+):\/\//.exec(text)?.[1] ?? '';
  switch (scheme) {
    case 'unix':
    case 'unixgram':
      return { scheme, path: text.slice(`${scheme}://`.length) };
    case 'udp':
    case 'tcp':
    case 'tcp+tls': {
      const { hostname: host, port } = new URL(text.replace(/^[a-z+]+:/, 'http:'));
      return { scheme, host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || defaultPort };
    }
    default:
      throw invalidArgument(`unsupported scheme: '${scheme}'`);
  }
}

function parseFacility(text: string): number {
  if (text === '') return facilities.indexOf('daemon');
  const number = /^\d+$/.test(text) ? Number(text) : facilities.indexOf(text);
  if (number < 0 || number > 23) throw invalidArgument('invalid syslog facility');
  return number;
}

function check(options: Options): void {
  const unknown = unknownOption(options, known);
  if (unknown) throw invalidArgument(`unknown log opt '${unknown}' for syslog log driver`);
  const address = parseAddress(options['syslog-address'] ?? '');
  if ('path' in address && !existsSync(address.path)) {
    throw invalidArgument(`stat ${address.path}: no such file or directory`);
  }
  parseFacility(options['syslog-facility'] ?? '');
  if (!formats.includes(options['syslog-format'] ?? '')) throw invalidArgument('Invalid syslog format');
}

/** @throws Error in Docker's words */
function tlsOf(options: Options): { ca?: Buffer; cert?: Buffer; key?: Buffer; rejectUnauthorized: boolean } {
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new Error(`could not read CA certificate "${path}": open ${path}: no such file or directory`, {
        cause: error,
      });
    }
  };
  const file = (name: string): Buffer | undefined => (options[name] ? read(options[name]) : undefined);
  return {
    ca: file('syslog-tls-ca-cert'),
    cert: file('syslog-tls-cert'),
    key: file('syslog-tls-key'),
    rejectUnauthorized: !('syslog-tls-skip-verify' in options),
  };
}

function openLocal(lost: (error: unknown) => void): Sender {
  for (const path of localPaths) {
    try {
      return openUnixDatagrams(path, lost);
    } catch {
      // the next one
    }
  }
  throw new Error('Unix syslog delivery error');
}

async function senderFor({ options, patient, lost }: DriverRequest): Promise<Sender> {
  const address = parseAddress(options['syslog-address'] ?? '');
  const stream = { retries, patient, lost };
  switch (address.scheme) {
    case 'local':
      return openLocal(lost);
    case 'unixgram':
      return openUnixDatagrams(address.path, lost);
    case 'unix':
      return openStream({ network: 'unix', path: address.path }, stream);
    case 'udp':
      return openDatagrams(address, { lost });
    case 'tcp':
      return openStream({ network: 'tcp', host: address.host, port: address.port }, stream);
    case 'tcp+tls': {
      const { host, port } = address;
      return openStream({ network: 'tcp', host, port, tls: tlsOf(options) }, stream);
    }
  }
}

/** `Jan _2 15:04:05` of Go's time.Stamp. */
function stamp(date: Date): string {
  const [, day = '', month = '', , time = ''] = date.toUTCString().replace(',', '').split(' ');
  return `${month} ${day.replace(/^0/, ' ')} ${time}`;
}

type Format = (priority: number, time: bigint, tag: string, text: string) => string;

const dateOf = (time: bigint): Date => new Date(Number(time / 1_000_000n));
const rfc5424 =
  (timeText: (time: bigint) => string): Format =>
  (priority, time, tag, text) =>
    `<${priority}>1 ${timeText(time)} ${hostname()} ${tag} ${process.pid} ${tag} - ${text}\n`;

const formatters: Record<string, Format> = {
  '': (priority, time, tag, text) => `<${priority}>${stamp(dateOf(time))} ${tag}[${process.pid}]: ${text}\n`,
  rfc3164: (priority, time, tag, text) =>
    `<${priority}>${stamp(dateOf(time))} ${hostname()} ${tag}[${process.pid}]: ${text}\n`,
  rfc5424: rfc5424(time => dateOf(time).toISOString().replace(/\.\d+/, '')),
  rfc5424micro: rfc5424(
    time => `${dateOf(time).toISOString().slice(0, 19)}.${String((time / 1000n) % 1_000_000n).padStart(6, '0')}Z`,
  ),
};

/** RFC 5425: over TLS a message of RFC 5424 has its length before it. */
const counted = (message: string): string => `${Buffer.byteLength(message)} ${message}`;

async function open(request: DriverRequest): Promise<LogDriver> {
  const { options, subject } = request;
  const tag = renderTag(options.tag ?? '{{.ID}}', subject);
  const facility = parseFacility(options['syslog-facility'] ?? '') * 8;
  const name = options['syslog-format'] ?? '';
  const format = own(formatters, name);
  if (!format) throw invalidArgument('Invalid syslog format');
  const isCounted = name.startsWith('rfc5424') && (options['syslog-address'] ?? '').startsWith('tcp+tls');
  const sender = await senderFor(request);
  return {
    write: ({ stream, line, time }) => {
      if (line.length === 0) return undefined;
      const message = format(facility + severities[stream], time, tag, line.toString('utf8'));
      return sender.send(Buffer.from(isCounted ? counted(message) : message));
    },
    close: () => sender.close(),
  };
}

/** https://docs.docker.com/engine/logging/drivers/syslog/ */
export const syslog: DriverKind = { check, open };
