import type { Decoded, Decoder, QueryDecoder } from './decode.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

type ParameterName<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${infer Plain}*` ? Plain : Name) | ParameterName<Rest>
  : never;

/** The values of a path's `{names}`. */
export type PathParameters<Path extends string> = { readonly [Name in ParameterName<Path>]: string };

export type QueryShape = Readonly<Record<string, QueryDecoder<unknown>>>;
export type Query<Shape extends QueryShape> = {
  readonly [Name in keyof Shape]: Shape[Name] extends QueryDecoder<infer T> ? T : never;
};

/**
 * How an endpoint answers when all is well:
 * `json` one document · `promised` one document whose headers go out before it is there (wait) · `nothing` ·
 * `lines` JSON documents one after another · `progress` JSON messages while the work goes on ·
 * `output` a container's bytes, in frames unless it has a terminal · `bytes` a stream as it is ·
 * `session` the connection itself, taken over (attach, exec).
 */
export type AnswerKind = 'json' | 'promised' | 'nothing' | 'lines' | 'progress' | 'output' | 'bytes' | 'session';

export interface Answer<Kind extends AnswerKind = AnswerKind, Document = unknown> {
  readonly kind: Kind;
  readonly status: number;
  readonly contentType?: string;
  /** Only for the compiler: what `json`, `promised`, `lines` and `progress` carry. Never set. */
  readonly document?: Document;
}

export const json = <T>(status = 200): Answer<'json', T> => ({ kind: 'json', status });
export const promised = <T>(): Answer<'promised', T> => ({ kind: 'promised', status: 200 });
export const nothing = (status = 204): Answer<'nothing'> => ({ kind: 'nothing', status });
export const lines = <T>(): Answer<'lines', T> => ({ kind: 'lines', status: 200 });
export const progress = <T>(): Answer<'progress', T> => ({ kind: 'progress', status: 200 });
export const output = (): Answer<'output'> => ({ kind: 'output', status: 200 });
export const bytes = (contentType: string): Answer<'bytes'> => ({ kind: 'bytes', status: 200, contentType });
export const session = (): Answer<'session'> => ({ kind: 'session', status: 200 });

/** One HTTP endpoint as data: the server, the client and the tests read the same. */
export interface Route<
  Path extends string = string,
  Shape extends QueryShape = QueryShape,
  Body = unknown,
  Reply extends Answer = Answer,
> {
  readonly method: Method;
  /** `{name}` is one segment; `{name*}` may hold slashes (image names). */
  readonly path: Path;
  readonly query: Shape;
  /** Absent when the endpoint reads no JSON. */
  readonly body?: Decoder<Body>;
  readonly answer: Reply;
}

/** Declares an endpoint. */
export function route<
  const Path extends string,
  Reply extends Answer,
  Shape extends QueryShape = Record<never, never>,
  BodyDecoder extends Decoder<unknown> | undefined = undefined,
>(
  method: Method,
  path: Path,
  rest: { query?: Shape; body?: BodyDecoder; answer: Reply },
): Route<Path, Shape, BodyDecoder extends undefined ? undefined : Decoded<BodyDecoder>, Reply> {
  const { query, body, answer } = rest;
  type Body = BodyDecoder extends undefined ? undefined : Decoded<BodyDecoder>;
  return { method, path, query: query ?? ({} as Shape), body: body as Decoder<Body> | undefined, answer };
}

/** The path with its parameters filled in, for a client. Slashes of image names stay. */
export function pathOf<Path extends string>(route: { path: Path }, parameters: PathParameters<Path>): string {
  const values: Readonly<Record<string, string>> = parameters;
  return route.path.replace(/\{(\w+)\*?\}/g, (_whole, name: string) =>
    (values[name] ?? '').split('/').map(encodeURIComponent).join('/'),
  );
}
