import { createServer, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';

/** A proxy as companies have them, for plain HTTP and for tunnels. */
export interface ForwardProxy {
  /** With the password that it wants. */
  url: string;
  /** What it was asked for: `GET http://…`, `CONNECT host:port`. */
  readonly asked: string[];
  stop(): Promise<void>;
}

const login = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
const isKnown = ({ headers }: IncomingMessage): boolean => headers['proxy-authorization'] === login;

/** `ports`: where on loopback the hosts (`name:port`) are that it leads to; it knows no others. */
export async function startForwardProxy(ports: Readonly<Record<string, number>>): Promise<ForwardProxy> {
  const asked: string[] = [];
  const server = createServer((question, answer) => {
    asked.push(`${question.method} ${question.url}`);
    const url = URL.parse(question.url ?? '');
    const port = ports[url?.host ?? ''];
    if (!url || !port || !isKnown(question)) return void answer.writeHead(isKnown(question) ? 502 : 407).end();
    const { method, headers } = question;
    const onward = request({ port, method, headers, path: url.pathname + url.search }, reply => {
      answer.writeHead(reply.statusCode ?? 0, reply.headers);
      reply.pipe(answer);
    });
    question.pipe(onward.once('error', () => answer.destroy()));
  });
  server.on('connect', (question: IncomingMessage, client) => {
    asked.push(`CONNECT ${question.url}`);
    const port = ports[question.url ?? ''];
    if (!port || !isKnown(question)) return void client.end(`HTTP/1.1 ${isKnown(question) ? 502 : 407} No\r\n\r\n`);
    const onward = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(onward).pipe(client);
    });
    for (const [side, other] of [
      [client, onward],
      [onward, client],
    ] as const)
      side.once('error', () => other.destroy());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : '';
  return {
    url: `http://ann:secret@127.0.0.1:${port}`,
    asked,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
