import type { Image } from '../../images/index.ts';
import type { Builder } from '../builder.ts';
import { type Definition, readGraph } from '../graph/graph.ts';
import type { GraphSolver } from '../graph/graph-solver.ts';
import type { Result } from '../graph/result.ts';
import type { CacheExchange } from '../remote-cache/exchange.ts';
import { type CacheEntry, openExchange } from './cache-options.ts';
import { ClientInput } from './client-input.ts';
import type { ExportRequest } from './exports.ts';
import type { FrontendRun } from './frontend.ts';
import type { Asked } from './frontends.ts';
import type { KeptContexts } from './kept-contexts.ts';
import type { Progress } from './progress.ts';
import { type FrontendOptions, toBuildRequest } from './request.ts';
import type { Session, Sessions } from './session.ts';

export interface SolveRequest extends ExportRequest {
  Ref: string;
  Session: string;
  Frontend: string;
  FrontendAttrs: FrontendOptions;
  Entitlements: readonly string[];
  Definition: Definition | null;
  FrontendInputs: Readonly<Record<string, Definition>>;
  Cache: { Exports: readonly CacheEntry[]; Imports: readonly CacheEntry[] } | null;
}

interface JobRooms {
  builder: Builder;
  sessions: Sessions;
  progress: Progress;
  signal: AbortSignal;
  kept: KeptContexts;
}

/** One Solve of a client's: what all that is asked for within it has in common. */
export class Job {
  readonly request: SolveRequest;
  readonly rooms: JobRooms;
  /** The caches of the last that was asked for. */
  exchange: CacheExchange | undefined;
  /** What was asked of which frontend. */
  asked: Asked | undefined;
  readonly startedAt = new Date();
  #solver: Promise<GraphSolver> | undefined;

  constructor(request: SolveRequest, rooms: JobRooms) {
    this.request = request;
    this.rooms = rooms;
  }

  session(): Promise<Session> {
    return this.rooms.sessions.get(this.request.Session);
  }

  /** What a run of the Dockerfile frontend is told. */
  async frontendRun(options: FrontendOptions, inputs: ReadonlyMap<string, string>): Promise<FrontendRun> {
    const { progress, signal, kept } = this.rooms;
    const { Entitlements: entitlements } = this.request;
    const session = await this.session();
    return { session, options, inputs, entitlements, showsPlatform: false, progress, signal, kept };
  }

  /** Opens the caches that steps may come from. */
  async openExchange(imports: readonly CacheEntry[]): Promise<CacheExchange> {
    const { Cache } = this.request;
    const { builder, progress, signal } = this.rooms;
    const rooms = { options: builder.options, progress, signal, session: await this.session() };
    const all = { imports: [...(Cache?.Imports ?? []), ...imports], exports: Cache?.Exports ?? [] };
    this.exchange = await openExchange(all, rooms);
    return this.exchange;
  }

  /** What a graph of the client's gives. @throws in BuildKit's words */
  async solve(definition: Definition): Promise<Result> {
    const graph = readGraph(definition);
    return (await this.#solverOf()).solve(graph);
  }

  /** An image of a build of ours as a graph's result. */
  async resultOf(image: Image): Promise<Result> {
    return (await this.#solverOf()).ofImage(image);
  }

  /** An image by its name, from here or from its registry; `platform`: as in `linux/arm64`. */
  async image(name: string, platform: string | undefined, anew: boolean): Promise<Image> {
    return (await this.#solverOf()).image(name, platform, anew);
  }

  #solverOf(): Promise<GraphSolver> {
    this.#solver ??= this.#openSolver();
    return this.#solver;
  }

  async #openSolver(): Promise<GraphSolver> {
    const { builder, progress, signal } = this.rooms;
    const exchange = this.exchange ?? (await this.openExchange([]));
    const run = await this.frontendRun({}, new Map());
    const input = new ClientInput({ ...run, builder: builder.options, scratch: builder.scratch });
    const request = toBuildRequest({}, run.entitlements);
    return builder.openGraphs({ request, input, watcher: progress, exchange, signal }, input);
  }

  /** Ends what is still under way, and lets go of what was opened for it. */
  async close(): Promise<void> {
    await (await this.#solver?.catch(() => undefined))?.close();
  }
}
