import type { EngineHead } from '../../contracts/bridge.ts';
import { EngineError } from '../../contracts/errors.ts';
import {
  type Answer,
  type PathParameters,
  pathOf,
  type Query,
  type QueryShape,
  type Route,
} from '../../contracts/route.ts';
import type { BridgeClient, OpenStream } from './client.ts';

type QueryValue = string | number | boolean | readonly string[] | Record<string, readonly string[]> | undefined;

/** What a request of `route` carries. */
export interface EngineRequest<Path extends string, Shape extends QueryShape, Body> {
  path?: PathParameters<Path>;
  query?: { [Name in keyof Query<Shape>]?: QueryValue };
  body?: Body;
}

type DocumentOf<Reply> = Reply extends Answer<infer _Kind, infer Document> ? Document : never;

const decoder = new TextDecoder();

/** The Docker API over the bridge, by the same routes that the engine serves. */
export class EngineClient {
  readonly #bridge: BridgeClient;

  constructor(bridge: BridgeClient) {
    this.#bridge = bridge;
  }

  /** The whole answer as a document. @throws EngineError in the engine's words */
  async json<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body> = {},
  ): Promise<DocumentOf<Reply>> {
    const text = await this.text(route, request);
    return (text === '' ? undefined : JSON.parse(text)) as DocumentOf<Reply>;
  }

  async text<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body> = {},
  ): Promise<string> {
    return decoder.decode(await this.collect(route, request).promise);
  }

  /** All bytes of an answer. */
  collect<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body> = {},
    upload?: Blob,
  ): { promise: Promise<Uint8Array<ArrayBuffer>>; cancel(): void } {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    const parts: Uint8Array[] = [];
    const stream = this.open(
      route,
      request,
      {
        bytes: part => void parts.push(part),
        ended: error => (error ? reject(error) : resolve(joined(parts))),
      },
      upload,
    );
    return {
      promise,
      cancel: () => {
        stream.cancel();
        reject(new EngineError('cancelled', 'cancelled'));
      },
    };
  }

  /** An answer that goes on. With `upload`, that is the request's body, a tar. */
  open<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body>,
    reader: { head?(head: EngineHead): void; bytes(bytes: Uint8Array): void; ended(error?: EngineError): void },
    upload?: Blob,
  ): OpenStream {
    const path = pathOf(route, (request.path ?? {}) as PathParameters<Path>) + queryText(request.query ?? {});
    const kind = upload ? 'application/x-tar' : undefined;
    const stream = this.#bridge.open(
      'engine',
      { method: route.method, path, body: request.body, upload: kind },
      { item: head => reader.head?.(head as EngineHead), bytes: reader.bytes, ended: reader.ended },
    );
    if (upload) void stream.sendBlob(upload);
    return stream;
  }

  /** Documents, one a line, as they come. A document with `error` ends it with that error. */
  lines<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body>,
    reader: { head?(): void; line(document: DocumentOf<Reply>): void; ended(error?: EngineError): void },
    upload?: Blob,
  ): OpenStream {
    let rest = '';
    const text = new TextDecoder();
    const bytes = (part: Uint8Array): void => {
      const lines = (rest + text.decode(part, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') reader.line(JSON.parse(line) as DocumentOf<Reply>);
    };
    return this.open(
      route,
      request,
      { head: () => reader.head?.(), bytes, ended: error => reader.ended(error) },
      upload,
    );
  }
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function queryText(query: Readonly<Record<string, QueryValue>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue;
    if (Array.isArray(value)) for (const each of value) search.append(name, String(each));
    else search.set(name, typeof value === 'object' ? JSON.stringify(value) : value === true ? '1' : String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
