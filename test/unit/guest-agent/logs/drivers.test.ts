import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { gunzipSync, inflateSync } from 'node:zlib';
import { Decoder, encode } from '@msgpack/msgpack';
import { afterAll, describe } from 'vitest';
import { logDriverSuite, type Receiver } from '../../../suites/log-driver.ts';
import { succeed } from '../../../support/command.ts';
import { eventually } from '../../../support/eventually.ts';

type Received = ReturnType<Receiver['received']>;

const folder = mkdtempSync(join(tmpdir(), 'berth-drivers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Takes datagrams; `read` gives the texts of one. */
async function datagrams(
  options: (port: number) => Record<string, string>,
  read: (data: Buffer) => Received,
): Promise<Receiver> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  const list: Received = [];
  socket.on('message', (data: Buffer) => list.push(...read(data)));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    options: options(socket.address().port),
    received: () => list,
    close: async () => void socket.close(),
  };
}

/** Takes a stream; `read` gets what one connection has sent so far and gives all its texts. */
async function stream(
  options: (address: string) => Record<string, string>,
  read: (data: Buffer) => Received,
  { path, answer, tls }: { path?: string; answer?: (data: Buffer, socket: Socket) => void; tls?: TlsFiles } = {},
): Promise<Receiver> {
  const connections: Buffer[] = [];
  const take = (socket: Socket): void => {
    const at = connections.push(Buffer.alloc(0)) - 1;
    socket.on('data', (data: Buffer) => {
      connections[at] = Buffer.concat([connections[at] ?? Buffer.alloc(0), data]);
      answer?.(data, socket);
    });
  };
  const server = tls ? createTlsServer(tls, take) : createServer(take);
  if (path) server.listen(path);
  else server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    options: options(path ?? `127.0.0.1:${(server.address() as AddressInfo).port}`),
    received: () => connections.flatMap(read),
    close: async () => void server.close(),
  };
}

interface TlsFiles {
  cert: Buffer;
  key: Buffer;
}

/** A certificate for localhost that nobody else knows. */
async function selfSigned(): Promise<TlsFiles> {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const files = ['-keyout', key, '-out', cert];
  if (!existsSync(cert))
    await succeed('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...names, ...files]);
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

const unixReceiver = `
import base64, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(base64.b64encode(s.recv(1 << 20)).decode(), flush=True)
`;

/** Node has no datagram sockets in the file system; Python has. */
async function unixDatagrams(path: string, read: (data: Buffer) => Received): Promise<Receiver> {
  const program = spawn('python3', ['-c', unixReceiver, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  program.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  await eventually('it listens', () => existsSync(path));
  return {
    options: { 'syslog-address': `unixgram://${path}` },
    received: () =>
      text
        .split('\n')
        .slice(0, -1)
        .flatMap(line => read(Buffer.from(line, 'base64'))),
    close: async () => void program.kill(),
  };
}

const syslogLines =
  (pattern: RegExp) =>
  (data: Buffer): Received =>
    [...data.toString().matchAll(pattern)].map(([, priority, text = '']) => ({
      text,
      isError: Number(priority) % 8 === 3,
    }));
const plain = syslogLines(/<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d c{12}\[\d+\]: (.*)\n/g);
const rfc5424 = syslogLines(/<(\d+)>1 [-\dT:]+\.\d{6}Z \S+ tag-lg \d+ tag-lg - (.*)\n/g);

interface Gelf {
  short_message: string;
  level: number;
}
const gelfText = (text: string): Received[number] => {
  const { short_message, level } = JSON.parse(text) as Gelf;
  return { text: short_message, isError: level === 3 };
};

/** Puts chunks together. */
function gelfDatagrams(): (data: Buffer) => Received {
  const parts = new Map<string, Buffer[]>();
  const unpack = (data: Uint8Array): Uint8Array =>
    data[0] === 0x1f ? gunzipSync(data) : data[0] === 0x78 ? inflateSync(data) : data;
  const text = (data: Uint8Array): string => Buffer.from(unpack(data)).toString();
  return data => {
    if (data.readUInt16BE() !== 0x1e0f) return [gelfText(text(data))];
    const id = data.toString('hex', 2, 10);
    const got = [...(parts.get(id) ?? []), data.subarray(12)];
    parts.set(id, got);
    return got.length === data[11] ? [gelfText(text(Buffer.concat(got)))] : [];
  };
}

type Event = [string, unknown, { log: string; source: string }, { chunk?: string }];
const events = (data: Buffer): Event[] => [...new Decoder().decodeMulti(data)] as Event[];
const fluentdTexts = (data: Buffer): Received =>
  events(data).map(([, , { log, source }]) => ({ text: log, isError: source === 'stderr' }));

describe('log drivers', () => {
  logDriverSuite(
    'syslog',
    'UDP',
    () => datagrams(port => ({ 'syslog-address': `udp://127.0.0.1:${port}` }), plain),
    false,
  );
  logDriverSuite('syslog', 'TCP', () => stream(at => ({ 'syslog-address': `tcp://${at}` }), plain), true);
  logDriverSuite(
    'syslog',
    'TCP in the words of RFC 5424',
    () =>
      stream(
        at => ({ 'syslog-address': `tcp://${at}`, 'syslog-format': 'rfc5424micro', tag: 'tag-{{.Name}}' }),
        rfc5424,
      ),
    true,
  );
  logDriverSuite(
    'syslog',
    'a socket file',
    () => stream(at => ({ 'syslog-address': `unix://${at}` }), plain, { path: join(folder, 'syslog') }),
    false,
  );
  logDriverSuite('syslog', 'a socket file, in datagrams', () => unixDatagrams(join(folder, 'gram'), plain), false);
  logDriverSuite(
    'syslog',
    'TLS',
    async () => {
      const tls = await selfSigned();
      const trusted = { 'syslog-tls-ca-cert': join(folder, 'cert.pem') };
      return stream(
        at => ({ 'syslog-address': `tcp+tls://${at.replace('127.0.0.1', 'localhost')}`, ...trusted }),
        plain,
        { tls },
      );
    },
    true,
  );
  logDriverSuite(
    'syslog',
    'TLS to an address, which is no name to ask for',
    async () =>
      stream(at => ({ 'syslog-address': `tcp+tls://${at}`, 'syslog-tls-skip-verify': 'true' }), plain, {
        tls: await selfSigned(),
      }),
    true,
  );
  for (const kind of ['gzip', 'zlib', 'none']) {
    logDriverSuite(
      'gelf',
      `UDP, ${kind}`,
      () =>
        datagrams(
          port => ({ 'gelf-address': `udp://127.0.0.1:${port}`, 'gelf-compression-type': kind }),
          gelfDatagrams(),
        ),
      false,
    );
  }
  logDriverSuite(
    'gelf',
    'TCP',
    () =>
      stream(
        at => ({ 'gelf-address': `tcp://${at}`, 'gelf-tcp-reconnect-delay': '0' }),
        data => data.toString().split('\0').filter(Boolean).map(gelfText),
      ),
    true,
  );
  const quick = { 'fluentd-max-retries': '1', 'fluentd-retry-wait': '1ms' };
  logDriverSuite('fluentd', 'TCP', () => stream(at => ({ 'fluentd-address': at, ...quick }), fluentdTexts), true);
  logDriverSuite(
    'fluentd',
    'TCP with acknowledgements and nanoseconds',
    () => {
      let rest = Buffer.alloc(0);
      const answer = (data: Buffer, socket: Socket): void => {
        rest = Buffer.concat([rest, data]);
        const seen = (() => {
          try {
            return events(rest);
          } catch {
            return []; // not whole yet
          }
        })();
        if (seen.length > 0) rest = Buffer.alloc(0);
        for (const [, , , { chunk }] of seen) socket.write(encode({ ack: chunk }));
      };
      const more = { 'fluentd-request-ack': 'true', 'fluentd-sub-second-precision': 'true' };
      return stream(at => ({ 'fluentd-address': `tcp://${at}`, ...quick, ...more }), fluentdTexts, { answer });
    },
    true,
  );
});
