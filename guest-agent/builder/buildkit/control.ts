import { join } from 'node:path';
import { forbidden, messageOf } from '../../../contracts/errors.ts';
import { ownPlatform, type PlatformImage } from '../../images/index.ts';
import type { Builder } from '../builder.ts';
import { version, worker } from './abilities.ts';
import { Arrivals } from './arrivals.ts';
import { Bridge, isBridgeCall } from './bridge.ts';
import { checkExports, exportCaches } from './cache-options.ts';
import { type ExportRooms, exportImages } from './exports.ts';
import { type Answer, type Asked, runAsked } from './frontends.ts';
import { listenHistory, updateHistory } from './history-service.ts';
import { Job, type SolveRequest } from './job.ts';
import { KeptContexts } from './kept-contexts.ts';
import { decode, encode } from './messages.ts';
import { Progress } from './progress.ts';
import { provenanceIn, withProvenance } from './provenance.ts';
import { imageSaid } from './returned.ts';
import { type GrpcCall, type GrpcHandler, onlyMessage } from './server.ts';
import type { Sessions } from './session.ts';
import { type HistoryRecord, SolveHistory } from './solve-history.ts';
import { GrpcError, codes as grpcCodes, toGrpcError } from './status.ts';
import { prune, sendUsage } from './usage-service.ts';

/** A Solve whose client drives the frontend itself, over the bridge. */

/** BuildKit's Control service and the bridge of its frontends, for one engine. */
export class Control {
  readonly #rooms: { builder: Builder; sessions: Sessions; kept: KeptContexts };
  readonly #progress = new Map<string, Progress>();
  readonly #history: SolveHistory;
  /** Of builds whose clients drive the frontend themselves: what they asked of it. */
  readonly #driven = new Map<string, Pick<HistoryRecord, 'frontend' | 'attributes'>>();
  /** Of those that asked of a Dockerfile only, and built nothing. */
  readonly #inquiries = new Set<string>();
  /** Those of Solves whose clients drive the frontend themselves. */
  readonly #bridged = new Arrivals<Bridge>();
  readonly #handlers: ReadonlyMap<string, GrpcHandler>;

  constructor(builder: Builder, sessions: Sessions) {
    this.#rooms = { builder, sessions, kept: new KeptContexts() };
    this.#history = new SolveHistory(join(builder.options.root, 'solves'));
    const control = '/moby.buildkit.v1.Control/';
    this.#handlers = new Map<string, GrpcHandler>([
      [`${control}ListWorkers`, call => call.send(encode('ListWorkersResponse', { record: [worker(builder)] }))],
      [`${control}Info`, call => call.send(encode('InfoResponse', { buildkitVersion: version }))],
      [`${control}Solve`, call => builder.kept.during(() => this.#solve(call))],
      [`${control}Status`, call => this.#status(call)],
      [`${control}DiskUsage`, call => sendUsage(builder.kept, call)],
      [`${control}Prune`, call => prune(builder.kept, call)],
      [`${control}ListenBuildHistory`, call => listenHistory(this.#history, call)],
      [`${control}UpdateBuildHistory`, call => updateHistory(this.#history, call)],
      ['/grpc.health.v1.Health/Check', call => call.send(new Uint8Array([8, 1]))],
    ]);
  }

  /** Who answers calls of that method. */
  readonly handler = (path: string): GrpcHandler | undefined =>
    isBridgeCall(path) ? call => this.#overBridge(call) : this.#handlers.get(path);

  async #solve(call: GrpcCall): Promise<void> {
    const request = decode<SolveRequest>('SolveRequest', await onlyMessage(call));
    const progress = this.#progressOf(request.Ref);
    const job = new Job(request, { ...this.#rooms, progress, signal: call.signal });
    const started = this.#begun(request);
    let outcome: Pick<HistoryRecord, 'answer' | 'error'> = { answer: {}, error: undefined };
    try {
      checkExports(request.Cache?.Exports ?? []);
      refuseInsecurity(request);
      provenanceIn(request.FrontendAttrs); // what cannot be said is refused before anything is built
      const { images } = await this.#built(job);
      const answer = images.length > 0 ? await this.#export(images, job) : {};
      outcome = { answer, error: undefined };
      await call.send(encode('SolveResponse', { ExporterResponse: answer }));
    } catch (error) {
      const { code } = toGrpcError(error);
      outcome = { answer: {}, error: { code, message: messageOf(error) } };
      throw error;
    } finally {
      await job.close();
      progress.end();
      this.#over({ ...started, ...outcome }, progress);
      setTimeout(() => this.#progress.delete(request.Ref), 60_000).unref();
    }
  }

  /** What a frontend makes, what a graph is, or what a client comes to that drives a frontend itself. */
  async #built(job: Job): Promise<Answer> {
    const {
      Frontend,
      FrontendAttrs: FrontendOpt,
      FrontendInputs,
      Definition,
      Cache,
      Exporters,
      ExporterAttrs,
    } = job.request;
    if (Frontend) return runAsked(job, { Frontend, FrontendOpt, FrontendInputs, CacheImports: Cache?.Imports ?? [] });
    if (!Definition || Definition.def.length === 0) return this.#whenReturned(job);
    const said = { ...ExporterAttrs, ...Exporters[0]?.Attrs }['containerimage.config'];
    const image = await imageSaid(job, Definition, said === undefined ? undefined : Buffer.from(said));
    return { images: [{ image, platform: ownPlatform() }], metadata: {} };
  }

  /** The image first, then what is known of its steps. */
  async #export(images: readonly PlatformImage[], job: Job): Promise<Record<string, string>> {
    const { request, exchange, rooms } = job;
    const { builder, progress, signal } = rooms;
    const attested: ExportRooms['attested'] = (made, references) => withProvenance(made, references, job);
    const session = () => job.session();
    const answer = await exportImages(images, request, { builder, progress, signal, session, attested });
    const { Exports = [] } = request.Cache ?? {};
    if (!exchange || Exports.length === 0) return answer;
    const cacheRooms = { options: builder.options, progress, signal, session: await job.session() };
    return { ...answer, ...(await exportCaches(Exports, { images, exchange }, cacheRooms)) };
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
    const isInquiry = this.#inquiries.delete(record.ref) || progress.counts.total === 0; // of a file, or what we can do
    const asks = record.frontend === '' && driven === undefined && isInquiry;
    if (!asks) this.#history.finish({ ...record, ...driven, completedAt, steps: progress.counts }, progress.told);
    else this.#history.remove(record.ref);
  }

  /** The client asks for what it wants over the bridge, and says when that is all. */
  async #whenReturned(job: Job): Promise<Answer> {
    const { Ref } = job.request;
    const bridge = new Bridge(job, job.request.FrontendInputs, asked => this.#asked(job, asked));
    this.#bridged.add(Ref, bridge);
    const gone = (): void => bridge.end(new GrpcError(grpcCodes.cancelled, 'context canceled'));
    const { signal } = job.rooms;
    signal.addEventListener('abort', gone, { once: true });
    try {
      return await bridge.returned;
    } finally {
      signal.removeEventListener('abort', gone);
      this.#bridged.delete(Ref);
    }
  }

  #asked(job: Job, asked: Asked): Promise<Answer> {
    const { Ref } = job.request;
    if (asked.FrontendOpt.requestid) this.#inquiries.add(Ref);
    else this.#driven.set(Ref, { frontend: asked.Frontend, attributes: asked.FrontendOpt });
    return runAsked(job, asked);
  }

  async #overBridge(call: GrpcCall): Promise<void> {
    const ref = String(call.headers['buildkit-controlapi-buildid'] ?? '');
    const missing = (): GrpcError => new GrpcError(grpcCodes.notFound, `no such job ${ref}`);
    const bridge = await this.#bridged.get(ref, 3000, missing);
    await call.send(await bridge.answer(call.path, await onlyMessage(call)));
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
