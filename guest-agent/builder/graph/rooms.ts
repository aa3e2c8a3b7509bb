import type { Image } from '../../images/index.ts';
import type { BuildSources } from '../build-sources.ts';
import { cacheKey, type StepCache } from '../cache.ts';
import type { CacheMounts } from '../cache-mounts.ts';
import type { BuilderOptions, BuildRequest, BuildWatcher, StepExchange, StepWatcher } from '../contract.ts';
import type { FileTree } from '../file-tree.ts';
import type { Vertex } from './graph.ts';
import type { Result } from './result.ts';

/** A directory of the client's, as a graph asks for it. */
export interface LocalRequest {
  name: string;
  include: readonly string[];
  exclude: readonly string[];
  /** Paths whose links are followed: what they lead to comes, too. */
  follow: readonly string[];
}

/** Where a graph's files come from, besides what all builds' do. */
export interface GraphInput {
  local(request: LocalRequest, told: StepWatcher): Promise<FileTree>;
  /** An image that the client keeps under that digest. */
  stored(store: string, digest: string): Promise<Image>;
  secret(id: string): Promise<Buffer | undefined>;
}

/** What operations work with. */
export interface GraphRooms {
  options: BuilderOptions;
  cache: StepCache;
  caches: CacheMounts;
  sources: BuildSources;
  input: GraphInput;
  request: BuildRequest;
  watcher: BuildWatcher;
  exchange: StepExchange;
  signal: AbortSignal;
}

/** An operation that is being worked on. */
export interface Work {
  vertex: Vertex;
  /** Results of its inputs, in their order. */
  inputs: readonly Result[];
  told: StepWatcher;
  rooms: GraphRooms;
}

/** What came of an operation: its outputs, by their numbers. */
export interface Outcome {
  outputs: readonly Result[];
  cached: boolean;
}

export type OperationStep = (work: Work) => Promise<Outcome>;

/** Takes an output from the cache if it is there; the key is all that it depends on. */
export async function cachedOutput(
  key: unknown,
  { vertex, rooms: { cache, exchange, request } }: Pick<Work, 'vertex' | 'rooms'>,
  make: () => Promise<Image>,
): Promise<{ image: Image; cached: boolean }> {
  const whole = cacheKey(request.epoch ? [key, request.epoch] : key);
  const outcome = await cache.step(whole, vertex.name, {
    make,
    find: each => exchange.find(each),
    fresh: vertex.isFresh,
  });
  exchange.known(whole, outcome.image);
  return outcome;
}
