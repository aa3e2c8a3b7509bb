import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { EngineError, messageOf } from '../../contracts/errors.ts';
import type { LoadBuilder } from './call.ts';

/** gRPC's status code for a method that is not there. */
const unimplemented = '12';

/** The two doors of BuildKit's clients: HTTP/2 over the hijacked connection, for their calls and for ours to them. */
export const isBuildKit = (request: IncomingMessage): boolean =>
  /^(\/v[\d.]+)?\/(grpc|session)$/.test(request.url ?? '') && request.headers.upgrade !== undefined;

/** Hands the connection to the builder; without one every call is refused. */
export async function serveBuildKit(request: IncomingMessage, socket: Duplex, load: LoadBuilder): Promise<void> {
  try {
    const { BuildKitDoor, builder } = await load();
    const door = BuildKitDoor.of(builder);
    if (request.url?.endsWith('/session')) door.accept(request.headers, socket);
    else door.serve(socket);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    await refuseGrpc(socket, messageOf(error));
  }
}

/**
 * Opens the connection and refuses every call on it with `message`. buildx takes a 501 here for an engine without
 * BuildKit and helps itself: it pulls moby/buildkit and starts it, privileged. Only an engine that opens `/grpc`
 * is asked to build, so that its refusal can be read (buildx, driver/docker/factory.go).
 */
async function refuseGrpc(socket: Duplex, message: string): Promise<void> {
  socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  // loaded when it is asked for: HTTP/2 is a tenth of the agent's start in an emulated machine
  const { performServerHandshake } = await import('node:http2');
  const session = performServerHandshake(socket);
  session.on('error', () => socket.destroy());
  session.on('stream', stream => {
    stream.on('error', () => undefined);
    stream.resume();
    const status = { 'grpc-status': unimplemented, 'grpc-message': encodeURIComponent(message) };
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
  });
}
