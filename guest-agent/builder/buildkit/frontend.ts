import { messageOf } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { type Builder, ForeignSyntax } from '../builder.ts';
import type { StepExchange } from '../contract.ts';
import { DockerfileError } from '../dockerfile/failure.ts';
import { placeOf } from '../solver.ts';
import { ClientInput } from './client-input.ts';
import type { KeptContexts } from './kept-contexts.ts';
import { encode } from './messages.ts';
import type { Progress } from './progress.ts';
import { type FrontendOptions, toBuildRequest } from './request.ts';
import type { Session } from './session.ts';
import { codes, GrpcError, toGrpcError } from './status.ts';

export interface FrontendRun {
  session: Session;
  options: FrontendOptions;
  /** Results of other builds, by the names that this one gives them: ids of images. */
  inputs: ReadonlyMap<string, string>;
  /** What the client allows steps beyond the usual: `network.host`. */
  entitlements: readonly string[];
  /** One of several builds for as many platforms. */
  showsPlatform: boolean;
  progress: Progress;
  signal: AbortSignal;
  kept: KeptContexts;
}

/** The Dockerfile frontend for a client of BuildKit's. @throws GrpcError that shows where in the file the fault is */
export async function runFrontend(builder: Builder, run: FrontendRun, exchange: StepExchange): Promise<Image> {
  const { options, progress, signal } = run;
  try {
    const request = { ...toBuildRequest(options, run.entitlements), showsPlatform: run.showsPlatform };
    const input = new ClientInput({ ...run, builder: builder.options, scratch: builder.scratch });
    return await builder.build({ request, input, watcher: progress, exchange, signal });
  } catch (error) {
    throw withSource(error, progress);
  }
}

/** Adds the file and the lines, as a detail that clients draw; `blamed` is the line that an error without one belongs to. */
export function withSource(error: unknown, { source }: Progress, blamed?: number): Error {
  if (error instanceof ForeignSyntax || (error instanceof GrpcError && error.details)) return error;
  const instruction = placeOf(error);
  const first = instruction?.line ?? (error instanceof DockerfileError ? error.line : blamed);
  const { code: own } = toGrpcError(error);
  const code = own === codes.cancelled || own === codes.unavailable ? own : codes.unknown;
  const message = messageOf(error);
  if (first === undefined || !source) return new GrpcError(code, message);
  const last = instruction?.endLine ?? first;
  const lines = Array.from({ length: Math.max(1, last - first + 1) }, (_, place) => ({ line: first + place }));
  const detail = {
    info: { filename: source.filename, data: Buffer.from(source.data).toString('base64'), language: 'Dockerfile' },
    ranges: lines.map(line => ({ start: line, end: line })), // BuildKit knows no columns: whole lines are at fault
  };
  const any = {
    type_url: 'github.com/moby/buildkit/errdefs.Source+json',
    value: Buffer.from(JSON.stringify(detail)),
  };
  return new GrpcError(code, message, encode('Status', { code, message, details: [any] }));
}
