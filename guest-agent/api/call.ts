import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { JsonMessage } from '../../contracts/docker/common.ts';
import type { Answer, PathParameters, Query, QueryShape, Route } from '../../contracts/route.ts';
import type * as Builds from '../builder/index.ts';
import type { AttachSession, Engine } from '../engine/index.ts';
import type { OutputChunk } from '../logs/index.ts';
import type { ApiMinor } from './compat.ts';
import type { Served } from './router.ts';

/** What the builder's room offers, and the builder itself. */
export type LoadBuilder = () => Promise<typeof Builds & { builder: Builds.Builder }>;

/** What a handler reads of a request, and the two things it may say before its answer. */
export interface Call<
  Parameters = Readonly<Record<string, string>>,
  Parsed = Readonly<Record<string, unknown>>,
  Body = unknown,
> {
  readonly path: Parameters;
  readonly query: Parsed;
  readonly body: Body;
  readonly version: ApiMinor;
  readonly headers: IncomingHttpHeaders;
  /** The request's body where it is not JSON. */
  readonly input: IncomingMessage;
  /** Aborted when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
  /** Adds a header to the answer. */
  header(name: string, value: string): void;
  /** The builder's room, loaded when it is first asked for. @throws not-implemented where there is none */
  readonly builder: LoadBuilder;
  /** For `progress` answers: one message, at once. */
  progress(message: JsonMessage): void;
}

/** What a handler returns for each kind of answer. */
export type Result<Reply extends Answer> =
  Reply extends Answer<'json', infer Document>
    ? Document
    : Reply extends Answer<'promised', infer Document>
      ? { later: Promise<Document> }
      : Reply extends Answer<'lines', infer Document>
        ? AsyncIterable<Document> | { documents: AsyncIterable<Document>; contentType: string }
        : Reply extends Answer<'output'>
          ? { terminal: boolean; output: AsyncIterable<OutputChunk> }
          : Reply extends Answer<'bytes'>
            ? Readable | Buffer
            : Reply extends Answer<'session'>
              ? AttachSession | undefined
              : unknown;

/** Any handler, once the router and the server do not know its route's types any more. */
export type Handler = (call: Call, engine: Engine) => unknown;

/** Joins a declared endpoint to its three lines: read, one call, answer. */
export function serve<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
  route: Route<Path, Shape, Body, Reply>,
  handler: (
    call: Call<PathParameters<Path>, Query<Shape>, Body>,
    engine: Engine,
  ) => Result<Reply> | Promise<Result<Reply>>,
): Served<Handler> {
  return { route: route as unknown as Route, handler: handler as unknown as Handler };
}
