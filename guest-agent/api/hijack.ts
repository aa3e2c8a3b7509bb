import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AttachSession } from '../engine/index.ts';
import { type ApiMinor, tellsFramesApart } from './compat.ts';
import { multiplexedStreamType, rawStreamType, sendOutput } from './raw-stream.ts';
import { takeOver } from './take-over.ts';
import { asksForWebSocket, serveWebSocket } from './web-socket.ts';

/** How long a client may keep its half open after the last byte of ours. */
const lingerMs = 10_000;

/** Attach (in its two ways) and exec start are the only requests whose connection changes hands. */
export const mayUpgrade = (request: IncomingMessage): boolean =>
  /^[^?]*\/(attach|attach\/ws|exec\/[^/?]+\/start)(\?|$)/.test(request.url ?? '');

function head(request: IncomingMessage, session: AttachSession, version: ApiMinor): string {
  if (request.headers.upgrade === undefined) return `HTTP/1.1 200 OK\r\nContent-Type: ${rawStreamType}\r\n\r\n`;
  const type = !session.terminal && tellsFramesApart(version) ? multiplexedStreamType : rawStreamType;
  return `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`;
}

/** The client's bytes go to the process; what nobody wants is read all the same, to see the end. */
function feed(socket: Duplex, session: AttachSession): void {
  const { input } = session;
  if (!input) {
    socket.resume();
    return;
  }
  input.on('error', () => socket.resume());
  input.on('close', () => socket.resume());
  socket.pipe(input);
}

function end(socket: Duplex): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
}

/**
 * Hands the connection to `session` until its output ends. Both directions close on their own: a client that stops
 * sending still reads. A client that is gone closes the session, which stops no process.
 */
export async function hijack(
  request: IncomingMessage,
  response: ServerResponse,
  session: AttachSession,
  version: ApiMinor,
): Promise<void> {
  if (asksForWebSocket(request)) return serveWebSocket(request, response, session, version);
  const socket = takeOver(request, response);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => session.close());
  socket.write(head(request, session, version));
  feed(socket, session);
  try {
    await sendOutput(socket, session.output, session.terminal);
  } finally {
    end(socket);
  }
}
