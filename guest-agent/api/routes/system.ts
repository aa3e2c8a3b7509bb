import { timestamp } from '../../../contracts/decode.ts';
import type { EventMessage } from '../../../contracts/docker/events.ts';
import type { BuildCacheRecord } from '../../../contracts/docker/system.ts';
import * as routes from '../../../contracts/docker/system-routes.ts';
import { EngineError, invalidArgument } from '../../../contracts/errors.ts';
import { streamType } from '../answer.ts';
import { type LoadBuilder, serve } from '../call.ts';
import type { ApiMinor } from '../compat.ts';
import { shapeDiskUsage, shapeEvent, shapeInfo } from '../shape-system.ts';

/** An engine without a builder has no cache of builds. @throws whatever else is wrong */
const withoutBuilder = (error: unknown): never[] => {
  if (error instanceof EngineError && error.kind === 'not-implemented') return [];
  throw error;
};

const diskUsageTypes = ['container', 'image', 'volume', 'build-cache'];
const buildPruneFilters = [
  'until',
  'id',
  'parent',
  'type',
  'description',
  'inuse',
  'shared',
  'private',
  'label',
  'label!',
];

/** What builds left. */
const builtCache = async ({
  builder,
  toBuildCacheRecord,
}: Awaited<ReturnType<LoadBuilder>>): Promise<BuildCacheRecord[]> =>
  (await builder.kept.list()).map(toBuildCacheRecord);

async function* shapedEvents(events: AsyncIterable<EventMessage>, version: ApiMinor): AsyncGenerator<EventMessage> {
  for await (const event of events) {
    const shaped = shapeEvent(event, version);
    if (shaped) yield shaped;
  }
}

export const systemRoutes = [
  serve(routes.systemInfo, async ({ version }, engine) => shapeInfo(await engine.system.info(), version)),
  serve(routes.systemVersion, (_call, engine) => engine.system.version()),

  serve(routes.systemDiskUsage, async ({ query, version, builder }, engine) => {
    const unknown = query.type.find(type => !diskUsageTypes.includes(type));
    if (unknown !== undefined) throw invalidArgument(`unknown object type: ${unknown}`);
    const asked = version < 42 ? [] : query.type;
    const counts = asked.length === 0 || asked.includes('build-cache');
    const cache = counts ? await builder().then(builtCache, withoutBuilder) : [];
    return shapeDiskUsage(await engine.system.diskUsage(asked, cache), version, query.verbose);
  }),

  serve(routes.systemEvents, ({ query, signal, version, headers }, engine) => {
    const since = timestamp(query.since, 'since', []);
    const until = timestamp(query.until, 'until', []);
    if (since && until && since > until) {
      throw invalidArgument(`\`since\` time (${query.since}) cannot be after \`until\` time (${query.until})`);
    }
    const events = engine.events.subscribe({ since, until, filters: query.filters, signal });
    return { documents: shapedEvents(events, version), contentType: streamType(headers.accept) };
  }),

  serve(routes.registryLogin, ({ body }, engine) => engine.system.auth(body)),

  serve(routes.buildPrune, async ({ query, builder }) => {
    const unknown = Object.keys(query.filters).find(key => !buildPruneFilters.includes(key));
    if (unknown) throw invalidArgument(`failed to prune build cache: invalid filter '${unknown}'`);
    const { pruneAll, readPruneFilters, builder: own } = await builder();
    const { usages, bytes } = await own.kept.prune({
      ...pruneAll,
      ...readPruneFilters(query.filters),
      all: query.all,
      reservedBytes: query['reserved-space'] ?? query['keep-storage'] ?? 0,
      maxUsedBytes: query['max-used-space'] ?? 0,
      minFreeBytes: query['min-free-space'] ?? 0,
    });
    return {
      CachesDeleted: usages.length > 0 ? usages.map(({ id }) => id) : null,
      SpaceReclaimed: bytes,
    };
  }),
  serve(routes.pluginList, () => []),
];
