import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { JsonMessage } from '../../contracts/docker/common.ts';
import { messageOf } from '../../contracts/errors.ts';
import type { AnswerKind } from '../../contracts/route.ts';
import type { AttachSession } from '../engine/index.ts';
import type { OutputChunk } from '../logs/index.ts';
import { type ApiMinor, tellsFramesApart } from './compat.ts';
import { toErrorAnswer } from './errors.ts';
import { hijack } from './hijack.ts';
import { multiplexedStreamType, rawStreamType, send, sendOutput } from './raw-stream.ts';

const jsonType = 'application/json';

/** One request on its way out. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: ApiMinor;
  readonly status: number;
  readonly contentType: string | undefined;
}

/** A whole document in one write. */
export function sendJson(response: ServerResponse, status: number, document: unknown): void {
  const text = Buffer.from(`${JSON.stringify(document)}\n`);
  response.writeHead(status, { 'Content-Type': jsonType, 'Content-Length': text.length });
  response.end(text);
}

/** `{message}` with the status of its kind; where the answer is under way already, the connection breaks. */
export function sendError(response: ServerResponse, error: unknown): void {
  const { status, message } = toErrorAnswer(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of ['Content-Type', 'Content-Length']) response.removeHeader(name);
  if (status === 304) response.writeHead(status).end();
  else sendJson(response, status, { message });
}

/** One message of a progress stream; the first one commits the answer to 200. */
export function sendProgress(response: ServerResponse, message: JsonMessage): void {
  if (!response.headersSent) response.setHeader('Content-Type', jsonType);
  if (!response.destroyed) response.write(`${JSON.stringify(message)}\r\n`);
}

/**
 * Sends the headers if the first value lets wait for itself: a client of events or `logs -f` wants to know that it is
 * connected, while an error that comes at once can still be told by its status.
 */
async function* committed<T>(response: ServerResponse, source: AsyncIterable<T>): AsyncGenerator<T> {
  const timer = setTimeout(() => response.headersSent || response.flushHeaders(), 1);
  try {
    yield* source;
  } finally {
    clearTimeout(timer);
  }
}

const sequenceType = 'application/json-seq';
const streamTypes = ['application/x-ndjson', sequenceType];

/** How a client that can choose wants a stream of documents; the others get JSON, whatever that is of a stream. */
export const streamType = (accept = ''): string =>
  accept
    .split(',')
    .map(type => type.split(';', 1)[0]?.trim() ?? '')
    .find(type => streamTypes.includes(type)) ?? jsonType;

/** In a sequence (RFC 7464) a record separator stands before each document. */
async function answerLines(
  { response }: Exchange,
  result: AsyncIterable<unknown> | { documents: AsyncIterable<unknown>; contentType: string },
): Promise<void> {
  const { documents, contentType } = 'documents' in result ? result : { documents: result, contentType: jsonType };
  const lead = contentType === sequenceType ? '\x1e' : '';
  response.setHeader('Content-Type', contentType);
  for await (const document of committed(response, documents)) {
    if (!(await send(response, `${lead}${JSON.stringify(document)}\n`))) return;
  }
  response.end();
}

async function answerOutput(
  { response, version }: Exchange,
  result: { terminal: boolean; output: AsyncIterable<OutputChunk> },
): Promise<void> {
  const framed = !result.terminal && tellsFramesApart(version);
  response.setHeader('Content-Type', framed ? multiplexedStreamType : rawStreamType);
  await sendOutput(response, committed(response, result.output), result.terminal);
  response.end();
}

async function answerPromised({ response, status }: Exchange, result: { later: Promise<unknown> }): Promise<void> {
  result.later.catch(() => undefined);
  response.writeHead(status, { 'Content-Type': jsonType });
  response.flushHeaders();
  response.end(`${JSON.stringify(await result.later)}\n`);
}

/** An error before the first byte is still told by its status; a client that goes away ends the source. */
async function answerBytes({ response, contentType }: Exchange, source: Readable | Buffer): Promise<void> {
  if (contentType) response.setHeader('Content-Type', contentType);
  if (Buffer.isBuffer(source)) {
    response.setHeader('Content-Length', source.length);
    response.end(source);
    return;
  }
  response.once('close', () => source.destroy());
  for await (const chunk of source as AsyncIterable<Buffer>) {
    if (!(await send(response, chunk))) return;
  }
  response.end();
}

async function answerSession(
  { request, response, version }: Exchange,
  session: AttachSession | undefined,
): Promise<void> {
  if (session) await hijack(request, response, session, version);
  else response.writeHead(200, { 'Content-Length': 0 }).end();
}

function answerNothing({ response, status }: Exchange): void {
  response.writeHead(status, status === 204 ? {} : { 'Content-Length': 0 }).end();
}

const performers: Record<AnswerKind, (exchange: Exchange, result: never) => void | Promise<void>> = {
  json: ({ response, status }, document: unknown) => sendJson(response, status, document),
  promised: answerPromised,
  nothing: answerNothing,
  lines: answerLines,
  progress: ({ response }) => {
    if (!response.headersSent) response.setHeader('Content-Type', jsonType);
    response.end();
  },
  output: answerOutput,
  bytes: answerBytes,
  session: answerSession,
};

/** Sends what a handler returned, in the way that its route declares. */
export const answer = (kind: AnswerKind, exchange: Exchange, result: unknown): void | Promise<void> =>
  performers[kind](exchange, result as never);

/** What failed: as an HTTP error when nothing has gone out, else as the last message of a progress stream. */
export function answerFailure(kind: AnswerKind | undefined, response: ServerResponse, error: unknown): void {
  if (kind !== 'progress' || !response.headersSent) {
    sendError(response, error);
    return;
  }
  const message = messageOf(error);
  sendProgress(response, { errorDetail: { message }, error: message });
  response.end();
}
