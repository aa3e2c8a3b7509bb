import { notImplemented } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { ownPlatform } from '../../images/index.ts';
import type { Builder } from '../builder.ts';
import type { CacheRecord } from '../cache.ts';
import { toPruneRequest } from '../prune.ts';
import { type ExportRequest, exportImage } from './exports.ts';
import { type FrontendRun, runFrontend, withSource } from './frontend.ts';
import { KeptContexts } from './kept-contexts.ts';
import { decode, encode, timestampOf } from './messages.ts';
import { Progress } from './progress.ts';
import type { FrontendOptions } from './request.ts';
import { type GrpcCall, type GrpcHandler, onlyMessage } from './server.ts';
import type { Sessions } from './session.ts';
import { GrpcError, codes as grpcCodes } from './status.ts';
import { runSubrequest } from './subrequests.ts';

interface SolveRequest extends ExportRequest {
  Ref: string;
  Session: string;
  Frontend: string;
  FrontendAttrs: FrontendOptions;
  Cache: { Exports: readonly { Type: string }[] } | null;
}

interface BridgeSolve {
  Frontend: string;
  FrontendOpt: FrontendOptions;
  Definition: Uint8Array;
}

/** A Solve whose client drives the frontend itself, over the bridge. */
interface Bridged {
  request: SolveRequest;
  image: Image | undefined;
  finish(): void;
  fail(error: Error): void;
}

/** What of BuildKit's bridge is spoken. */
const capabilities = [
  'solve.base',
  'solve.inlinereturn',
  'return',
  'returnmap',
  'proto.refarray',
  'frontend.caps',
  'frontend.inputs',
  'gateway.solve.evaluate',
];

/** The version of BuildKit whose words these are: clients choose by it what they ask for. */
const version = { package: 'github.com/moby/buildkit', version: 'v0.25.1', revision: 'berth' };

const worker = () => {
  const { os, architecture, variant } = ownPlatform();
  const platform = { OS: os, Architecture: architecture, Variant: variant ?? '' };
  const Labels = { 'org.mobyproject.buildkit.worker.moby.host-gateway-ip': '' };
  return { ID: 'berth', Labels, platforms: [platform], BuildkitVersion: version };
};

/** BuildKit's Control service and the bridge of its frontends, for one engine. */
export class Control {
  readonly #builder: Builder;
  readonly #sessions: Sessions;
  readonly #progress = new Map<string, Progress>();
  readonly #kept = new KeptContexts();
  readonly #bridged = new Map<string, Bridged>();
  readonly handlers: ReadonlyMap<string, GrpcHandler>;

  constructor(builder: Builder, sessions: Sessions) {
    this.#builder = builder;
    this.#sessions = sessions;
    const control = '/moby.buildkit.v1.Control/';
    const bridge = '/moby.buildkit.v1.frontend.LLBBridge/';
    this.handlers = new Map<string, GrpcHandler>([
      [`${control}ListWorkers`, call => call.send(encode('ListWorkersResponse', { record: [worker()] }))],
      [`${control}Info`, call => call.send(encode('InfoResponse', { buildkitVersion: version }))],
      [`${control}Solve`, call => this.#solve(call)],
      [`${control}Status`, call => this.#status(call)],
      [`${control}DiskUsage`, call => this.#diskUsage(call)],
      [`${control}Prune`, call => this.#prune(call)],
      [`${control}ListenBuildHistory`, async () => undefined],
      [`${bridge}Ping`, call => this.#ping(call)],
      [`${bridge}Solve`, call => this.#bridgeSolve(call)],
      [`${bridge}Return`, call => this.#return(call)],
      [`${bridge}Warn`, call => call.send(encode('Empty', {}))],
      ['/grpc.health.v1.Health/Check', call => call.send(new Uint8Array([8, 1]))],
    ]);
  }

  async #solve(call: GrpcCall): Promise<void> {
    const request = decode<SolveRequest>('SolveRequest', await onlyMessage(call));
    const progress = this.#progressOf(request.Ref);
    try {
      refuseCacheExport(request);
      const image = request.Frontend
        ? await this.#run(request, request.Frontend, request.FrontendAttrs, call.signal)
        : await this.#whenReturned(request, call.signal);
      const answer = image
        ? await exportImage(image, request, {
            builder: this.#builder,
            progress,
            signal: call.signal,
            session: () => this.#sessions.get(request.Session),
          })
        : {};
      await call.send(encode('SolveResponse', { ExporterResponse: answer }));
    } finally {
      progress.end();
      setTimeout(() => this.#progress.delete(request.Ref), 60_000).unref();
    }
  }

  /** The client asks for what it wants over the bridge, and says when that is all. */
  async #whenReturned(request: SolveRequest, signal: AbortSignal): Promise<Image | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const bridged: Bridged = { request, image: undefined, finish: resolve, fail: reject };
    this.#bridged.set(request.Ref, bridged);
    const gone = (): void => reject(new GrpcError(grpcCodes.cancelled, 'context canceled'));
    signal.addEventListener('abort', gone, { once: true });
    try {
      await promise;
      return bridged.image;
    } finally {
      signal.removeEventListener('abort', gone);
      this.#bridged.delete(request.Ref);
    }
  }

  async #run(request: SolveRequest, frontend: string, options: FrontendOptions, signal: AbortSignal): Promise<Image> {
    if (frontend !== 'dockerfile.v0') throw notImplemented(`the frontend ${frontend} is not part of Berth yet`);
    return runFrontend(this.#builder, await this.#frontendRun(request, options, signal));
  }

  async #frontendRun(request: SolveRequest, options: FrontendOptions, signal: AbortSignal): Promise<FrontendRun> {
    const session = await this.#sessions.get(request.Session);
    return { session, options, progress: this.#progressOf(request.Ref), signal, kept: this.#kept };
  }

  async #bridgeSolve(call: GrpcCall): Promise<void> {
    const bridged = await this.#bridgedOf(call);
    const asked = decode<BridgeSolve>('BridgeSolveRequest', await onlyMessage(call));
    if (!asked.Frontend) {
      if (asked.Definition.length > 0) throw notImplemented('LLB of a client is not part of Berth yet');
      return call.send(encode('BridgeSolveResponse', { result: {} }));
    }
    const subrequest = asked.FrontendOpt.requestid;
    if (subrequest) {
      const run = await this.#frontendRun(bridged.request, asked.FrontendOpt, call.signal);
      const metadata = await runSubrequest(subrequest, this.#builder, run).catch(error => {
        throw withSource(error, run.progress);
      });
      return call.send(encode('BridgeSolveResponse', { result: { metadata } }));
    }
    bridged.image = await this.#run(bridged.request, asked.Frontend, asked.FrontendOpt, call.signal);
    await call.send(encode('BridgeSolveResponse', { result: { ref: { id: bridged.image.id } } }));
  }

  /** The client may be quicker here than its own Solve. */
  async #bridgedOf({ headers, signal }: GrpcCall): Promise<Bridged> {
    const ref = String(headers['buildkit-controlapi-buildid'] ?? '');
    for (let waited = 0; waited < 3000 && !signal.aborted; waited += 10) {
      const found = this.#bridged.get(ref);
      if (found) return found;
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    throw new GrpcError(grpcCodes.notFound, `no such job ${ref}`);
  }

  async #ping(call: GrpcCall): Promise<void> {
    await this.#bridgedOf(call);
    const caps = capabilities.map(ID => ({ ID, Enabled: true }));
    await call.send(encode('PongResponse', { FrontendAPICaps: caps, LLBCaps: [], Workers: [worker()] }));
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
    for await (const message of this.#progressOf(Ref).messages()) {
      if (call.signal.aborted) return;
      await call.send(message);
    }
  }

  #progressOf(ref: string): Progress {
    const known = this.#progress.get(ref) ?? new Progress(ref);
    this.#progress.set(ref, known);
    return known;
  }

  #toUsage(record: CacheRecord): object {
    return {
      ID: record.key.slice(0, 25),
      Size: record.size,
      CreatedAt: timestampOf(new Date(record.createdAt)),
      LastUsedAt: timestampOf(new Date(record.lastUsedAt)),
      UsageCount: record.usageCount,
      Description: record.description,
      RecordType: 'regular',
      Shared: this.#builder.isShared(record),
    };
  }

  async #diskUsage(call: GrpcCall): Promise<void> {
    const record = this.#builder.cached().map(each => this.#toUsage(each));
    await call.send(encode('DiskUsageResponse', { record }));
  }

  async #prune(call: GrpcCall): Promise<void> {
    const asked = decode<PruneMessage>('PruneRequest', await onlyMessage(call));
    const request = toPruneRequest(asked.all, filtersOf(asked.filter), asked.keepBytes);
    const unusedForMs = Math.max(request.unusedForMs, asked.keepDuration / 1e6);
    const usage = new Map(this.#builder.cached().map(record => [record.key, this.#toUsage(record)]));
    const { records } = await this.#builder.prune({ ...request, unusedForMs });
    for (const { key } of records) await call.send(encode('UsageRecord', usage.get(key) ?? {}));
  }
}

interface PruneMessage {
  all: boolean;
  filter: string[];
  keepDuration: number;
  keepBytes: number;
}

/** @throws not-implemented */
function refuseCacheExport({ Cache }: SolveRequest): void {
  const [exported] = Cache?.Exports ?? [];
  if (!exported) return;
  throw notImplemented(`exporting the build cache (type=${exported.Type}) is not part of Berth yet`);
}

/** `name==value`, as containerd writes filters; buildx parts several by commas. */
function filtersOf(filters: readonly string[]): Record<string, string[]> {
  const pairs = filters
    .flatMap(text => text.split(','))
    .map(text => /^([\w-]+)[=~]+"?([^"]*)"?$/.exec(text) ?? ['', text, '']);
  const named: Record<string, string[]> = {};
  for (const [, name = '', value = ''] of pairs) named[name] = [...(named[name] ?? []), value];
  return named;
}
