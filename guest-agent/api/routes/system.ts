import * as routes from '../../../contracts/docker/system-routes.ts';
import { invalidArgument } from '../../../contracts/errors.ts';
import { serve } from '../call.ts';

/** Seconds and nanoseconds, as Docker prints a moment. */
const secondsOf = (moment: Date): string => `${(moment.getTime() / 1000).toFixed(3)}`;

const diskUsageTypes = ['container', 'image', 'volume', 'build-cache'];

export const systemRoutes = [
  serve(routes.systemInfo, (_call, engine) => engine.system.info()),
  serve(routes.systemVersion, (_call, engine) => engine.system.version()),

  serve(routes.systemDiskUsage, ({ query }, engine) => {
    const unknown = query.type.find(type => !diskUsageTypes.includes(type));
    if (unknown !== undefined) throw invalidArgument(`unknown object type: ${unknown}`);
    return engine.system.diskUsage(query.type);
  }),

  serve(routes.systemEvents, ({ query, signal }, engine) => {
    const { since, until } = query;
    if (since && until && since > until) {
      throw invalidArgument(
        `\`since\` time (${secondsOf(since)}) cannot be after \`until\` time (${secondsOf(until)})`,
      );
    }
    return engine.events.subscribe({ ...query, signal });
  }),

  serve(routes.registryLogin, ({ body }, engine) => engine.system.auth(body)),

  serve(routes.buildPrune, () => ({ CachesDeleted: null, SpaceReclaimed: 0 })),
  serve(routes.pluginList, () => []),
];
