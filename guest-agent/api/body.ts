import type { IncomingMessage } from 'node:http';
import type { Decoder } from '../../contracts/decode.ts';
import { invalidArgument } from '../../contracts/errors.ts';

/** Far more than any create request; a body is held in memory while it is read. */
const maximumBytes = 16 * 1024 * 1024;

/** No byte is coming: `Content-Length` is 0 or absent, and the body is not in chunks. */
const isEmpty = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0;

/** A request without a body needs no type; any other must be JSON. @throws invalid-argument in Docker's words */
function checkContentType(request: IncomingMessage): void {
  const given = request.headers['content-type'] ?? '';
  if (given === '' && isEmpty(request)) return;
  const mediaType = (given.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (mediaType === '') throw invalidArgument(`malformed Content-Type header (${given}): mime: no media type`);
  if (mediaType !== 'application/json') {
    throw invalidArgument(`unsupported Content-Type header (${given}): must be 'application/json'`);
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maximumBytes) throw invalidArgument('http: request body too large');
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

const endOfBody = 'invalid JSON: got EOF while reading request body';

/** What is wrong with a text that is no JSON, in the words of Go's encoding/json. */
function syntaxMessage(text: string, { message }: SyntaxError): string {
  if (message.includes('after JSON')) return 'unexpected content after JSON';
  const token = /^Unexpected token '(.+?)', /.exec(message)?.[1]; // of a short text it tells no position
  const at = Number(/position (\d+)/.exec(message)?.[1] ?? (token ? text.indexOf(token) : text.length));
  if (at >= text.trimEnd().length || message.startsWith('Unterminated')) return 'invalid JSON: unexpected EOF';
  return `invalid JSON: invalid character '${text[at]}' looking for beginning of value`;
}

/** @throws invalid-argument */
export function parseBody(text: string): unknown {
  if (text.trim() === '') throw invalidArgument(endOfBody);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalidArgument(syntaxMessage(text, cause as SyntaxError), { cause });
  }
}

/** For the endpoints that cannot do without a body. @throws invalid-argument */
export function assertBody(request: IncomingMessage): void {
  if (isEmpty(request)) throw invalidArgument(endOfBody);
}

/** The request's JSON document; no body and `null` are an empty document, as in Go. @throws invalid-argument */
export async function readBody<T>(request: IncomingMessage, decoder: Decoder<T>): Promise<T> {
  checkContentType(request);
  if (isEmpty(request)) return decoder({}, '');
  return decoder(parseBody((await readAll(request)).toString()) ?? {}, '');
}
