import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import { invalidArgument } from '../../contracts/errors.ts';
import type { AttachSession } from '../engine/index.ts';
import type { ApiMinor } from './compat.ts';
import { drained } from './raw-stream.ts';
import { takeOver } from './take-over.ts';

/** From here on Docker sends bytes as such, before that as if they were text. */
const binarySince = 28;
/** RFC 6455: all is said. */
const normalClosure = 1000;

/** As Docker's library has it; a message is held in memory until it is whole. */
const maxPayload = 32 * 1024 * 1024;

/** `/containers/{id}/attach/ws`. */
export const asksForWebSocket = (request: IncomingMessage): boolean => /\/attach\/ws(\?|$)/.test(request.url ?? '');

/**
 * Speaks a session over a web socket: each message of the client is input, output comes as it is, the streams not told
 * apart. A client that leaves stops no process. @throws invalid-argument for a request that opens none
 */
export async function serveWebSocket(
  request: IncomingMessage,
  response: ServerResponse,
  session: AttachSession,
  version: ApiMinor,
): Promise<void> {
  const { upgrade, 'sec-websocket-key': key, 'sec-websocket-version': spoken } = request.headers;
  if (upgrade?.toLowerCase() !== 'websocket' || !key || spoken !== '13') {
    session.close();
    throw invalidArgument('not websocket protocol');
  }
  const { WebSocketServer } = await import('ws'); // loaded when it is asked for
  const socket = takeOver(request, response);
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload });
  const client = await new Promise<WebSocket>(resolve => {
    server.handleUpgrade(request, socket, Buffer.alloc(0), resolve);
  });
  client.on('error', () => client.terminate());
  client.on('close', () => session.close());
  session.input?.on('error', () => undefined);
  client.on('message', data => feed(client, session.input, bytesOf(data)));
  try {
    for await (const { data } of session.output) await send(client, data, version >= binarySince);
  } finally {
    client.close(normalClosure);
  }
}

/** A process that does not read makes its client wait, too: nothing is kept for it here. */
function feed(client: WebSocket, input: AttachSession['input'], data: Buffer): void {
  if (!input?.writable || input.write(data)) return;
  client.pause();
  void drained(input).then(() => client.resume());
}

const bytesOf = (data: RawData): Buffer => {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
};

/** A client that has gone is told nothing, and the session ends by its close. */
const send = (client: WebSocket, data: Buffer, binary: boolean): Promise<void> =>
  new Promise(resolve => client.send(data, { binary }, () => resolve()));
