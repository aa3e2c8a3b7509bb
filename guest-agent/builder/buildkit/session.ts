import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { connect } from 'node:http2';
import type { Duplex } from 'node:stream';
import { unavailable } from '../../../contracts/errors.ts';
import { Arrivals } from './arrivals.ts';
import { frame, messagesIn, Unframer } from './frames.ts';
import { codes, GrpcError } from './status.ts';

/** A call of ours to a client. */
export interface ClientCall {
  /** Resolves when the client can take more. */
  send(message: Uint8Array): Promise<void>;
  /** No more of ours comes. */
  end(): void;
  /** What comes back. @throws GrpcError when the call ends badly */
  messages: AsyncIterable<Buffer>;
  /**
   * Hands each message over at once, for calls of very many; in place of `messages`. Bytes for which `skip` returns true
   * are not looked at; the first for which it does not come after those that it returns, if any. @throws as `messages`, and
   * what `take` throws
   */
  read(take: (message: Buffer) => void, skip?: (chunk: Buffer) => true | Buffer): Promise<void>;
}

/** What a client may send before we have taken it: a context of many files does not wait for us then. */
const windowBytes = 4 * 1024 * 1024;

/** A client that is there for us: it serves its files, secrets and credentials over a connection that it opened. */
export class Session {
  readonly id: string;
  /** What the client calls its directories, the same each time; '' when it does not say. */
  readonly sharedKey: string;
  readonly #connection: ClientHttp2Session;

  constructor(id: string, sharedKey: string, socket: Duplex) {
    this.id = id;
    this.sharedKey = sharedKey;
    const settings = { initialWindowSize: windowBytes };
    this.#connection = connect('http://client', { createConnection: () => socket, settings });
    this.#connection.once('connect', () => this.#connection.setLocalWindowSize(windowBytes));
    this.#connection.on('error', () => socket.destroy());
  }

  get closed(): boolean {
    return this.#connection.closed || this.#connection.destroyed;
  }

  onClose(listener: () => void): void {
    this.#connection.once('close', listener);
  }

  /** Opens a call with the metadata given. */
  call(path: string, metadata: Readonly<Record<string, string | string[]>> = {}): ClientCall {
    if (this.closed) throw unavailable('the client of the build is gone');
    const stream = this.#connection.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    });
    stream.setMaxListeners(0); // whoever waits for it to drain listens
    return {
      send: message => writeTo(stream, frame(message)),
      end: () => void stream.end(),
      messages: answersOf(stream),
      read: (take, skip) => readAll(stream, take, skip),
    };
  }

  /** A call of one message and one answer. */
  async unary(path: string, message: Uint8Array): Promise<Buffer> {
    const call = this.call(path);
    await call.send(message);
    call.end();
    let answer: Buffer = Buffer.alloc(0);
    for await (const each of call.messages) answer = each;
    return answer;
  }

  close(): void {
    this.#connection.destroy();
  }
}

async function writeTo(stream: ClientHttp2Stream, bytes: Buffer): Promise<void> {
  if (stream.destroyed || stream.write(bytes)) return;
  await new Promise<void>(resolve => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}

/** What headers and trailers say of how it went: nothing, or an error. */
const judged = (stream: ClientHttp2Stream): Promise<GrpcError | undefined> =>
  new Promise(resolve => {
    const judge = (headers: Record<string, unknown>): void => {
      const status = headers['grpc-status'];
      if (status === undefined) return;
      const code = Number(status);
      const message = decodeURIComponent(String(headers['grpc-message'] ?? ''));
      const details = headers['grpc-status-details-bin'];
      const more = details === undefined ? undefined : Buffer.from(String(details), 'base64');
      resolve(code === codes.ok ? undefined : new GrpcError(code, message, more));
    };
    stream.on('response', judge);
    stream.on('trailers', judge);
    stream.on('error', error => resolve(new GrpcError(codes.unavailable, error.message)));
    stream.on('close', () => resolve(new GrpcError(codes.unavailable, 'the client of the build went away')));
  });

async function* answersOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  const ended = judged(stream);
  yield* messagesIn(stream.iterator({ destroyOnReturn: false }));
  const failure = await ended;
  if (failure) throw failure;
}

async function readAll(
  stream: ClientHttp2Stream,
  take: (message: Buffer) => void,
  skip?: (chunk: Buffer) => true | Buffer,
): Promise<void> {
  const ended = judged(stream);
  const unframer = new Unframer();
  const { promise: taken, resolve, reject } = Promise.withResolvers<void>();
  let skips = skip;
  const onData = (chunk: Buffer): void => {
    const skipped = skips?.(chunk);
    if (skipped === true) return;
    skips = undefined;
    for (const bytes of skipped ? [skipped, chunk] : [chunk]) for (const message of unframer.push(bytes)) take(message);
  };
  stream.on('data', (chunk: Buffer) => {
    try {
      onData(chunk);
    } catch (error) {
      reject(error);
      stream.destroy();
    }
  });
  stream.once('end', resolve);
  stream.once('close', resolve);
  await taken;
  const failure = await ended;
  if (failure) throw failure;
}

/** The clients that are connected, by the ids that their builds name. */
export class Sessions {
  readonly #sessions = new Arrivals<Session>();

  add(session: Session): void {
    this.#sessions.add(session.id, session);
    session.onClose(() => this.#sessions.delete(session.id));
  }

  /** The session of that id, which may be a moment away. @throws not-found */
  get(id: string, timeoutMs = 10_000): Promise<Session> {
    const missing = `no active session for ${id}: context deadline exceeded`;
    return this.#sessions.get(id, timeoutMs, () => new GrpcError(codes.notFound, missing));
  }
}
