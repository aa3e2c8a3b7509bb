import { notSwarmManager } from '../../../contracts/docker/swarm.ts';
import { internal, invalidArgument, notFound, notImplemented, unavailable } from '../../../contracts/errors.ts';
import { type Method, nothing, route } from '../../../contracts/route.ts';
import { type Handler, serve } from '../call.ts';
import type { Served } from '../router.ts';

const swarmMode = 'swarm mode is not part of Berth';
/** BuildKit's doors open for an upgrade alone (grpc.ts). */
const noUpgrade = 'no upgrade proto in request';

type Endpoint = readonly [method: Method, path: string];

const refuse = (
  endpoints: readonly Endpoint[],
  refusal: (path: Readonly<Record<string, string>>) => Error,
): Served<Handler>[] =>
  endpoints.map(([method, path]) =>
    serve(route(method, path, { answer: nothing() }), call => {
      throw refusal(call.path);
    }),
  );

const swarmKinds = ['services', 'nodes', 'secrets', 'configs'];

const swarm: Endpoint[] = [
  ['GET', '/swarm'],
  ['POST', '/swarm/update'],
  ['POST', '/swarm/unlock'],
  ['GET', '/swarm/unlockkey'],
  ['GET', '/tasks'],
  ['GET', '/tasks/{id}'],
  ['GET', '/tasks/{id}/logs'],
  ['GET', '/services/{id}/logs'],
  ...swarmKinds.flatMap((kind): Endpoint[] => [
    ['GET', `/${kind}`],
    ['POST', `/${kind}/create`],
    ['GET', `/${kind}/{id}`],
    ['DELETE', `/${kind}/{id}`],
    ['POST', `/${kind}/{id}/update`],
  ]),
];

const plugins: Endpoint[] = [
  ['GET', '/plugins/{name*}/json'],
  ['DELETE', '/plugins/{name*}'],
  ['POST', '/plugins/{name*}/enable'],
  ['POST', '/plugins/{name*}/disable'],
  ['POST', '/plugins/{name*}/set'],
  ['POST', '/plugins/{name*}/push'],
  ['POST', '/plugins/{name*}/upgrade'],
];

/** Endpoints that are known and not there: each says so in words that help. */
export const absentRoutes: Served<Handler>[] = [
  ...refuse(swarm, () => unavailable(notSwarmManager)),
  ...refuse(
    [
      ['POST', '/swarm/init'],
      ['POST', '/swarm/join'],
    ],
    () => notImplemented(swarmMode),
  ),
  ...refuse([['POST', '/swarm/leave']], () => unavailable('This node is not part of a swarm')),
  ...refuse([['PUT', '/volumes/{name}']], () =>
    unavailable('volume update only valid for cluster volumes, but swarm is unavailable'),
  ),
  ...refuse(plugins, path => notFound(`plugin "${path.name}" not found`)),
  ...refuse(
    [
      ['GET', '/plugins/privileges'],
      ['POST', '/plugins/pull'],
      ['POST', '/plugins/create'],
    ],
    () => notImplemented('plugins are not part of Berth'),
  ),
  ...refuse([['POST', '/grpc']], () => internal(noUpgrade)),
  ...refuse([['POST', '/session']], () => invalidArgument(noUpgrade)),
];
