import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { performServerHandshake } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Log } from '../../../base/log.ts';
import { frame, messagesIn } from './frames.ts';
import { codes, GrpcError, percentEncoded, toGrpcError } from './status.ts';

/** One call on a gRPC connection. */
export interface GrpcCall {
  /** `/package.Service/Method` */
  path: string;
  headers: IncomingHttpHeaders;
  messages: AsyncIterable<Buffer>;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
  /** Resolves when the client can take more. */
  send(message: Uint8Array): Promise<void>;
}

export type GrpcHandler = (call: GrpcCall) => Promise<void>;

/** Who answers a method, if anybody does. */
export type FindHandler = (path: string) => GrpcHandler | undefined;

/** Serves gRPC on a connection that has been taken over: HTTP/2 without TLS. */
export function serveGrpc(socket: Duplex, handlerOf: FindHandler, log: Log): void {
  socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  serveCalls(socket, handlerOf, log);
}

/** Serves gRPC on a connection that speaks nothing else. */
export function serveCalls(socket: Duplex, handlerOf: FindHandler, log: Log): void {
  const session = performServerHandshake(socket);
  session.on('error', () => socket.destroy());
  socket.once('end', () => session.destroy()); // as Go's servers: who says no more wants no answer
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    stream.setMaxListeners(0); // whoever waits for it to drain listens
    answer(stream, headers, handlerOf).catch(error => {
      log.error('A gRPC answer failed', { path: headers[':path'], error });
      stream.close();
    });
  });
}

async function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, handlerOf: FindHandler): Promise<void> {
  const path = String(headers[':path'] ?? '');
  const gone = new AbortController();
  stream.once('close', () => gone.abort());
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  let failure: GrpcError | undefined;
  stream.on('wantTrailers', () => stream.sendTrailers(trailersOf(failure)));
  try {
    const handler = handlerOf(path);
    if (!handler) throw new GrpcError(codes.unimplemented, `unknown method ${path}`);
    const send = (message: Uint8Array): Promise<void> => write(stream, frame(message));
    await handler({
      path,
      headers,
      messages: messagesIn(stream.iterator({ destroyOnReturn: false })),
      signal: gone.signal,
      send,
    });
  } catch (error) {
    failure = toGrpcError(error);
  }
  stream.resume();
  if (!stream.destroyed) stream.end();
}

async function write(stream: ServerHttp2Stream, bytes: Buffer): Promise<void> {
  if (stream.destroyed || stream.write(bytes)) return;
  await new Promise<void>(resolve => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}

const trailersOf = (failure: GrpcError | undefined): Record<string, string> => ({
  'grpc-status': String(failure?.code ?? codes.ok),
  ...(failure ? { 'grpc-message': percentEncoded(failure.message) } : {}),
  ...(failure?.details ? { 'grpc-status-details-bin': Buffer.from(failure.details).toString('base64') } : {}),
});

/** The only message of a call that has one. */
export async function onlyMessage({ messages }: GrpcCall): Promise<Buffer> {
  for await (const message of messages) return message;
  return Buffer.alloc(0);
}
