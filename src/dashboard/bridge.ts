import {
  type BridgeCall,
  type BridgeReplies,
  type BridgeStream,
  bridgeCalls,
  bridgeStreams,
  type CallRequest,
  type StreamRequest,
} from '../../contracts/bridge.ts';
import { type ClientFrame, parseClientFrame, unpackBytes } from '../../contracts/bridge-frames.ts';
import { invalidArgument, notFound } from '../../contracts/errors.ts';
import type { Channel } from './channel.ts';
import { ServedStream } from './stream.ts';

/** Who answers the calls. */
export type CallServers = {
  [Name in BridgeCall]: (request: CallRequest<Name>) => Promise<BridgeReplies[Name]> | BridgeReplies[Name];
};

/** Who feeds the streams; a stream ends when its promise does. */
export type StreamServers = {
  [Name in BridgeStream]: (request: StreamRequest<Name>, stream: ServedStream) => Promise<void>;
};

export interface BridgeServers {
  calls: CallServers;
  streams: StreamServers;
}

/** More than any window opens; a window that goes wild harms only itself. */
const mostStreams = 2000;

/** Serves one window until its channel closes. What it asks is decoded by the contract before anybody acts on it. */
export function serveBridge(channel: Channel, servers: BridgeServers): void {
  const open = new Map<number, ServedStream>();
  const start = ({ id, name, request }: ClientFrame & { type: 'call' | 'open' }, work: typeof runCall): void => {
    if (open.has(id) || open.size >= mostStreams) return;
    const stream = new ServedStream(channel, id);
    open.set(id, stream);
    void work(servers, name, request, stream)
      .then(
        () => stream.end(),
        error => stream.fail(error),
      )
      .finally(() => {
        open.delete(id);
        stream.input.destroy();
      });
  };
  channel.onText(line => {
    const frame = parseClientFrame(line);
    if (frame?.type === 'call') start(frame, runCall);
    else if (frame?.type === 'open') start(frame, runStream);
    else if (frame) steer(open.get(frame.id), frame);
  });
  channel.onBytes(frame => {
    const unpacked = unpackBytes(frame);
    if (unpacked) open.get(unpacked.id)?.receive(unpacked.bytes);
  });
  channel.onClose(() => {
    for (const stream of open.values()) stream.cancel();
  });
}

function steer(stream: ServedStream | undefined, frame: ClientFrame): void {
  if (!stream) return; // it has ended meanwhile
  if (frame.type === 'credit' && frame.bytes > 0) stream.refill(frame.bytes);
  else if (frame.type === 'cancel') stream.cancel();
  else if (frame.type === 'finish') stream.input.end();
  else if (frame.type === 'input') {
    try {
      stream.onItem(frame.item);
    } catch (error) {
      stream.fail(error);
    }
  }
}

async function runCall(servers: BridgeServers, name: string, request: unknown, stream: ServedStream): Promise<void> {
  if (!Object.hasOwn(bridgeCalls, name)) throw notFound(`There is no call ${name}`);
  const call = name as BridgeCall;
  const serve = servers.calls[call] as (request: unknown) => unknown;
  stream.item(await serve(decoded(bridgeCalls[call], request, name)));
}

async function runStream(servers: BridgeServers, name: string, request: unknown, stream: ServedStream): Promise<void> {
  if (!Object.hasOwn(bridgeStreams, name)) throw notFound(`There is no stream ${name}`);
  const which = name as BridgeStream;
  const serve = servers.streams[which] as (request: unknown, stream: ServedStream) => Promise<void>;
  await serve(decoded(bridgeStreams[which], request, name), stream);
}

function decoded<T>(decode: (value: unknown, at: string) => T, request: unknown, name: string): T {
  if (request === undefined) throw invalidArgument(`${name}: the request is missing`);
  return decode(request, name);
}
