import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

const upgraded = new WeakMap<IncomingMessage, Duplex>();

/**
 * Notes what an `upgrade` event brought for the request: where the body comes in a piece of its own that is not the socket
 * but a stream over it, to which Node passes whatever follows the body, and only to it.
 */
export function noteUpgrade(request: IncomingMessage, stream: Duplex): void {
  upgraded.set(request, stream);
}

/**
 * Takes the connection out of the hands of Node's HTTP parser. After an `upgrade` event it is out already; a client that
 * sent no `Upgrade` header (curl, old clients) has bytes of its own after the request all the same. Node reads
 * the socket by itself until the first `data` listener is added, then through its own: they are removed first.
 */
export function takeOver(request: IncomingMessage, response: ServerResponse): Duplex {
  const { socket } = request;
  response.detachSocket(socket);
  const stream = upgraded.get(request);
  if (stream) return stream;
  socket.removeAllListeners('data');
  socket.removeAllListeners('end');
  socket.on('data', () => undefined);
  socket.pause();
  socket.removeAllListeners('data');
  return socket;
}
