import { join } from 'node:path';
import { forbidden, messageOf, notImplemented } from '../../../contracts/errors.ts';
import { ownPlatform, type PlatformImage, parsePlatform } from '../../images/index.ts';
import type { Builder } from '../builder.ts';
import type { CacheExchange } from '../remote-cache/exchange.ts';
import { bridgeCapabilities, graphCapabilities, version, worker } from './abilities.ts';
import { Arrivals } from './arrivals.ts';
import { type CacheEntry, checkExports, exportCaches, importsIn, openExchange } from './cache-options.ts';
import { type ExportRequest, exportImages } from './exports.ts';
import { type FrontendRun, runFrontend, withSource } from './frontend.ts';
import { listenHistory, updateHistory } from './history-service.ts';
import { KeptContexts } from './kept-contexts.ts';
import { type Definition, imageOf } from './llb.ts';
import { decode, encode } from './messages.ts';
import { platformsIn, resultOf } from './platforms.ts';
import { Progress } from './progress.ts';
import type { FrontendOptions } from './request.ts';
import { type GrpcCall, type GrpcHandler, onlyMessage } from './server.ts';
import type { Session, Sessions } from './session.ts';
import { type HistoryRecord, SolveHistory } from './solve-history.ts';
import { GrpcError, codes as grpcCodes, toGrpcError } from './status.ts';
import { runSubrequest } from './subrequests.ts';
import { prune, sendUsage } from './usage-service.ts';

interface SolveRequest extends ExportRequest {
  Ref: string;
  Session: string;
  Frontend: string;
  FrontendAttrs: FrontendOptions;
  Entitlements: readonly string[];
  Definition: Definition | null;
  FrontendInputs: Readonly<Record<string, Definition>>;
  Cache: { Exports: readonly CacheEntry[]; Imports: readonly CacheEntry[] } | null;
}

interface BridgeSolve {
  Frontend: string;
  FrontendOpt: FrontendOptions;
  FrontendInputs: Readonly<Record<string, Definition>>;
  Definition: Definition | null;
  CacheImports: readonly CacheEntry[];
}

/** What came of a build, and what is known of its steps. */
interface Built {
  /** One, or one a platform. */
  images: readonly PlatformImage[];
  /** Undefined for what was built before. */
  exchange: CacheExchange | undefined;
}

/** A Solve whose client drives the frontend itself, over the bridge. */
interface Bridged {
  request: SolveRequest;
  built: Built | undefined;
  finish(): void;
  fail(error: Error): void;
}

/** BuildKit's Control service and the bridge of its frontends, for one engine. */
export class Control {
  readonly #builder: Builder;
  readonly #sessions: Sessions;
  readonly #progress = new Map<string, Progress>();
  readonly #kept = new KeptContexts();
  readonly #history: SolveHistory;
  /** Of builds whose clients drive the frontend themselves: what they asked of it. */
  readonly #driven = new Map<string, Pick<HistoryRecord, 'frontend' | 'attributes'>>();
  readonly #bridged = new Arrivals<Bridged>();
  readonly handlers: ReadonlyMap<string, GrpcHandler>;

  constructor(builder: Builder, sessions: Sessions) {
    this.#builder = builder;
    this.#sessions = sessions;
    this.#history = new SolveHistory(join(builder.options.root, 'solves'));
    const control = '/moby.buildkit.v1.Control/';
    const bridge = '/moby.buildkit.v1.frontend.LLBBridge/';
    this.handlers = new Map<string, GrpcHandler>([
      [`${control}ListWorkers`, call => call.send(encode('ListWorkersResponse', { record: [worker()] }))],
      [`${control}Info`, call => call.send(encode('InfoResponse', { buildkitVersion: version }))],
      [`${control}Solve`, call => builder.kept.during(() => this.#solve(call))],
      [`${control}Status`, call => this.#status(call)],
      [`${control}DiskUsage`, call => sendUsage(builder.kept, call)],
      [`${control}Prune`, call => prune(builder.kept, call)],
      [`${control}ListenBuildHistory`, call => listenHistory(this.#history, call)],
      [`${control}UpdateBuildHistory`, call => updateHistory(this.#history, call)],
      [`${bridge}Ping`, call => this.#ping(call)],
      [`${bridge}Solve`, call => this.#bridgeSolve(call)],
      [`${bridge}Return`, call => this.#return(call)],
      [`${bridge}Evaluate`, call => call.send(encode('Empty', {}))], // what is returned has been made
      [`${bridge}Warn`, call => call.send(encode('Empty', {}))],
      ['/grpc.health.v1.Health/Check', call => call.send(new Uint8Array([8, 1]))],
    ]);
  }

  async #solve(call: GrpcCall): Promise<void> {
    const request = decode<SolveRequest>('SolveRequest', await onlyMessage(call));
    const progress = this.#progressOf(request.Ref);
    const started = this.#begun(request);
    let outcome: Pick<HistoryRecord, 'answer' | 'error'> = { answer: {}, error: undefined };
    try {
      const { Exports = [], Imports = [] } = request.Cache ?? {};
      checkExports(Exports);
      refuseInsecurity(request);
      const asked = { ...request, FrontendOpt: request.FrontendAttrs, CacheImports: Imports };
      const built = request.Frontend
        ? await this.#run(request, asked, call.signal)
        : await this.#whenReturned(request, call.signal);
      const answer = built ? await this.#export(built, request, call.signal) : {};
      outcome = { answer, error: undefined };
      await call.send(encode('SolveResponse', { ExporterResponse: answer }));
    } catch (error) {
      const { code } = toGrpcError(error);
      outcome = { answer: {}, error: { code, message: messageOf(error) } };
      throw error;
    } finally {
      progress.end();
      this.#over({ ...started, ...outcome }, progress);
      setTimeout(() => this.#progress.delete(request.Ref), 60_000).unref();
    }
  }

  /** The image first, then what is known of its steps. */
  async #export(
    { images, exchange }: Built,
    request: SolveRequest,
    signal: AbortSignal,
  ): Promise<Record<string, string>> {
    const progress = this.#progressOf(request.Ref);
    const session = (): Promise<Session> => this.#sessions.get(request.Session);
    const answer = await exportImages(images, request, { builder: this.#builder, progress, signal, session });
    const { Exports = [] } = request.Cache ?? {};
    if (!exchange || Exports.length === 0) return answer;
    const rooms = { options: this.#builder.options, progress, signal, session: await session() };
    return { ...answer, ...(await exportCaches(Exports, { images, exchange }, rooms)) };
  }

  #begun(request: SolveRequest): HistoryRecord {
    const record: HistoryRecord = {
      version: 1,
      ref: request.Ref,
      frontend: request.Frontend,
      attributes: request.FrontendAttrs,
      exporters: request.Exporters,
      createdAt: new Date().toISOString(),
      completedAt: undefined,
      error: undefined,
      answer: {},
      steps: { total: 0, completed: 0, cached: 0, warnings: 0 },
      pinned: false,
    };
    this.#history.start(record);
    return record;
  }

  /** What a client drives over the bridge is its frontend's as well. */
  #over(record: HistoryRecord, progress: Progress): void {
    const completedAt = new Date().toISOString();
    const driven = this.#driven.get(record.ref);
    this.#driven.delete(record.ref);
    const isBuild = record.frontend !== '' || driven !== undefined; // else a client only asked what we can do
    if (isBuild) this.#history.finish({ ...record, ...driven, completedAt, steps: progress.counts }, progress.told);
    else this.#history.remove(record.ref);
  }

  /** The client asks for what it wants over the bridge, and says when that is all. */
  async #whenReturned(request: SolveRequest, signal: AbortSignal): Promise<Built | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const bridged: Bridged = { request, built: undefined, finish: resolve, fail: reject };
    this.#bridged.add(request.Ref, bridged);
    const gone = (): void => reject(new GrpcError(grpcCodes.cancelled, 'context canceled'));
    signal.addEventListener('abort', gone, { once: true });
    try {
      await promise;
      return bridged.built;
    } finally {
      signal.removeEventListener('abort', gone);
      this.#bridged.delete(request.Ref);
    }
  }

  async #run(request: SolveRequest, asked: Omit<BridgeSolve, 'Definition'>, signal: AbortSignal): Promise<Built> {
    const { Frontend } = asked;
    if (Frontend === 'gateway.v0') {
      throw notImplemented(
        `the frontend ${asked.FrontendOpt.source ?? Frontend} is not part of Berth: only docker/dockerfile is`,
      );
    }
    if (Frontend !== 'dockerfile.v0') throw notImplemented(`the frontend ${Frontend} is not part of Berth yet`);
    const run = await this.#frontendRun(request, asked, signal);
    const imports = [...(request.Cache?.Imports ?? []), ...asked.CacheImports, ...importsIn(asked.FrontendOpt)];
    const rooms = { ...run, options: this.#builder.options };
    const exchange = await openExchange({ imports, exports: request.Cache?.Exports ?? [] }, rooms);
    const asks = platformsIn(asked.FrontendOpt);
    const images: PlatformImage[] = [];
    for (const platform of asks.length > 0 ? asks : ['']) {
      const options = { ...run.options, platform };
      const showsPlatform = asks.length > 1;
      const image = await runFrontend(this.#builder, { ...run, options, showsPlatform }, exchange);
      images.push({ image, platform: platform === '' ? ownPlatform() : parsePlatform(platform, ownPlatform()) });
    }
    return { images, exchange };
  }

  async #frontendRun(
    request: SolveRequest,
    { FrontendOpt: options, FrontendInputs }: Pick<BridgeSolve, 'FrontendOpt' | 'FrontendInputs'>,
    signal: AbortSignal,
  ): Promise<FrontendRun> {
    const session = await this.#sessions.get(request.Session);
    const inputs = new Map(Object.entries(FrontendInputs).map(([name, input]) => [name, imageOf(input)]));
    const { Ref, Entitlements: entitlements } = request;
    const progress = this.#progressOf(Ref);
    return { session, options, inputs, entitlements, showsPlatform: false, progress, signal, kept: this.#kept };
  }

  async #bridgeSolve(call: GrpcCall): Promise<void> {
    const bridged = await this.#bridgedOf(call);
    const asked = decode<BridgeSolve>('BridgeSolveRequest', await onlyMessage(call));
    if (!asked.Frontend) {
      if (asked.Definition && asked.Definition.def.length > 0) {
        const image = this.#builder.options.images.get(imageOf(asked.Definition));
        bridged.built = { images: [{ image, platform: ownPlatform() }], exchange: bridged.built?.exchange };
      }
      return call.send(encode('BridgeSolveResponse', { result: bridged.built ? resultOf(bridged.built.images) : {} }));
    }
    const subrequest = asked.FrontendOpt.requestid;
    if (subrequest) {
      const run = await this.#frontendRun(bridged.request, asked, call.signal);
      const metadata = await runSubrequest(subrequest, this.#builder, run).catch(error => {
        throw withSource(error, run.progress);
      });
      return call.send(encode('BridgeSolveResponse', { result: { metadata } }));
    }
    this.#driven.set(bridged.request.Ref, { frontend: asked.Frontend, attributes: asked.FrontendOpt });
    bridged.built = await this.#run(bridged.request, asked, call.signal);
    await call.send(encode('BridgeSolveResponse', { result: resultOf(bridged.built.images) }));
  }

  #bridgedOf({ headers }: GrpcCall): Promise<Bridged> {
    const ref = String(headers['buildkit-controlapi-buildid'] ?? '');
    return this.#bridged.get(ref, 3000, () => new GrpcError(grpcCodes.notFound, `no such job ${ref}`));
  }

  async #ping(call: GrpcCall): Promise<void> {
    await this.#bridgedOf(call);
    const caps = bridgeCapabilities.map(ID => ({ ID, Enabled: true }));
    await call.send(
      encode('PongResponse', {
        FrontendAPICaps: caps,
        LLBCaps: graphCapabilities.map(ID => ({ ID, Enabled: true })),
        Workers: [worker()],
      }),
    );
  }

  async #return(call: GrpcCall): Promise<void> {
    const bridged = await this.#bridgedOf(call);
    const bytes = await onlyMessage(call);
    const { error } = decode<{ error: { code: number; message: string } | null }>('ReturnRequest', bytes);
    if (error) bridged.fail(new GrpcError(error.code || grpcCodes.unknown, error.message, encode('Status', error)));
    else bridged.finish();
    await call.send(encode('Empty', {}));
  }

  async #status(call: GrpcCall): Promise<void> {
    const { Ref } = decode<{ Ref: string }>('StatusRequest', await onlyMessage(call));
    const over = this.#progress.has(Ref) ? undefined : this.#history.messages(Ref);
    for await (const message of over ?? this.#progressOf(Ref).messages()) {
      if (call.signal.aborted) return;
      await call.send(message);
    }
  }

  #progressOf(ref: string): Progress {
    const known = this.#progress.get(ref) ?? new Progress(ref);
    this.#progress.set(ref, known);
    return known;
  }
}

/** A step has the rights of a container and no more, whoever allows it more. @throws forbidden, in BuildKit's words */
function refuseInsecurity({ Entitlements }: SolveRequest): void {
  if (!Entitlements.includes('security.insecure')) return;
  throw forbidden('granting entitlement security.insecure is not allowed by build daemon configuration');
}
