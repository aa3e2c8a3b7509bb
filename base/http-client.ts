import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { EngineError, type ErrorKind, unavailable } from '../contracts/errors.ts';

/** Where an HTTP server listens: a unix socket or, on Windows, a named pipe. */
export interface HttpTarget {
  socketPath: string;
  /** Keeps connections for the next requests, where they are dear; without it each request has its own. */
  agent?: Agent;
}

export interface HttpOptions {
  /** A document is sent as JSON, a stream as it comes. */
  body?: unknown;
  stream?: Readable;
  contentType?: string;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** Time until the answer's head is there. */
  timeoutMs?: number;
}

const kinds: Record<number, ErrorKind> = {
  304: 'not-modified',
  400: 'invalid-argument',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  501: 'not-implemented',
  503: 'unavailable',
};

/** The answer's head; its body is still to be read. @throws unavailable when nobody answers. */
export function httpOpen(
  target: HttpTarget,
  method: string,
  path: string,
  options: HttpOptions = {},
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest({
    socketPath: target.socketPath,
    method,
    path,
    agent: target.agent ?? false,
    signal: options.signal,
    headers: { host: 'localhost', ...options.headers, ...contentHeaders(options) },
  });
  const timer = options.timeoutMs
    ? setTimeout(() => request.destroy(new Error(`no answer within ${options.timeoutMs} ms`)), options.timeoutMs)
    : undefined;
  request.on('response', message => {
    clearTimeout(timer);
    resolve(message);
  });
  request.on('error', cause => {
    clearTimeout(timer);
    reject(unavailable(`${method} ${path}: ${cause.message}`, { cause }));
  });
  sendBody(request, options);
  return promise;
}

function contentHeaders(options: HttpOptions): Record<string, string> {
  // A server that refuses a body in its middle reads on only if the connection lives: else the refusal would be lost.
  if (options.stream) return { 'content-type': options.contentType ?? 'application/x-tar', connection: 'keep-alive' };
  return options.body === undefined ? {} : { 'content-type': 'application/json' };
}

function sendBody(request: ClientRequest, { body, stream }: HttpOptions): void {
  if (!stream) {
    request.end(body === undefined ? undefined : JSON.stringify(body));
    return;
  }
  stream.on('error', error => request.destroy(error));
  stream.pipe(request);
}

/** All that a stream says. Unlike `for await`, it leaves the other direction of a duplex open. */
export function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', reject);
    stream.once('close', () => reject(unavailable('the connection was closed before its end')));
  });
}

/** Asks and reads the whole answer. @throws EngineError with the server's `message` for every status above 299. */
export async function httpBytes(
  target: HttpTarget,
  method: string,
  path: string,
  options: HttpOptions = {},
): Promise<Buffer> {
  const message = await httpOpen(target, method, path, options);
  const body = await bytesOf(message);
  const status = message.statusCode ?? 0;
  if (status < 300) return body;
  (message.socket as Socket | null)?.destroy(); // who was refused need not send the rest
  throw refusal(status, body, `${method} ${path}`);
}

/** The error of an answer whose status is above 299, with the server's `message`. */
export const refusal = (status: number, body: Buffer, request: string): EngineError =>
  new EngineError(kinds[status] ?? 'internal', messageIn(body) ?? `${request}: HTTP status ${status}`);

/** {@link httpBytes} for an answer that is a JSON document; undefined when it is empty. */
export async function httpJson(
  target: HttpTarget,
  method: string,
  path: string,
  options: HttpOptions = {},
): Promise<unknown> {
  const body = await httpBytes(target, method, path, options);
  return body.length === 0 ? undefined : JSON.parse(body.toString('utf8'));
}

function messageIn(body: Buffer): string | undefined {
  try {
    const document: unknown = JSON.parse(body.toString('utf8'));
    const message = (document as { message?: unknown } | null)?.message;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
