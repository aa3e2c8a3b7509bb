import type { Socket as Connection } from 'node:net';
import type { Log } from '../../base/log.ts';
import { inNetworkNamespace } from '../syscalls/network-namespace.ts';
import { answerOf, emptyAnswer, failureOf, parseQuery, staysHere, type Transport } from './answer.ts';
import type { NameServer, NameView } from './contract.ts';
import { framed, MessageReader } from './framing.ts';
import { openServiceSockets, type ServiceSockets } from './sockets.ts';
import { askUpstreams, type Enter } from './upstream.ts';

/** Of one container: more at once are not asked of others. */
const mostQuestions = 256;
const mostConnections = 64;
const idleMs = 10_000;

/**
 * Serves names on 127.0.0.11 inside the network namespace `namespace` (a descriptor that stays open as long as the
 * server). Its sockets hold the namespace: close it with the container. @throws SyscallError, NftError
 */
export function serveNames(namespace: number, view: NameView, log: Log): NameServer {
  return new ContainerNameServer(namespace, view, log);
}

class ContainerNameServer implements NameServer {
  readonly #view: NameView;
  readonly #log: Log;
  readonly #sockets: ServiceSockets;
  readonly #connections = new Set<Connection>();
  readonly #ending = new AbortController();
  readonly #enter: Enter;
  #asked = 0;

  constructor(namespace: number, view: NameView, log: Log) {
    this.#view = view;
    this.#log = log;
    this.#enter = (upstream, work) => (upstream.fromHost ? work() : inNetworkNamespace(namespace, work));
    this.#sockets = openServiceSockets(namespace);
    const { datagrams, connections } = this.#sockets;
    datagrams.on('error', error => log.warn('a name service has a broken socket', { error }));
    datagrams.on('message', (message, { port, address }) => {
      this.#answer(message, 'udp', answer => datagrams.send(answer, port, address, () => undefined));
    });
    connections.on('error', error => log.warn('a name service has a broken socket', { error }));
    connections.on('connection', connection => this.#converse(connection));
    connections.maxConnections = mostConnections;
  }

  close(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#sockets.datagrams.close();
    this.#sockets.connections.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #converse(connection: Connection): void {
    this.#connections.add(connection);
    const reader = new MessageReader(message =>
      this.#answer(message, 'tcp', answer => void (connection.writable && connection.write(framed(answer)))),
    );
    connection.setTimeout(idleMs, () => connection.destroy());
    connection.on('error', () => undefined); // the close that follows tells enough
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('data', data => reader.take(Buffer.from(data)));
    connection.on('end', () => connection.end());
  }

  #answer(message: Buffer, transport: Transport, send: (answer: Buffer) => void): void {
    const query = parseQuery(message, transport);
    if (!query) return;
    const known = answerOf(query, this.#view) ?? (staysHere(query, this.#view) ? emptyAnswer(query) : undefined);
    if (known) {
      send(known);
      return;
    }
    this.#forward(message, transport)
      .then(answer => {
        if (!this.#ending.signal.aborted) send(answer ?? failureOf(query));
      })
      .catch(error => this.#log.warn('a question for a name was lost', { error }));
  }

  async #forward(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (this.#asked >= mostQuestions) return undefined;
    this.#asked++;
    try {
      const around = { enter: this.#enter, signal: this.#ending.signal };
      return await askUpstreams(message, transport, this.#view.upstreams, around);
    } finally {
      this.#asked--;
    }
  }
}
