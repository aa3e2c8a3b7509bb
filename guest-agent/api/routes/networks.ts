import * as routes from '../../../contracts/docker/network-routes.ts';
import { serve } from '../call.ts';
import { without } from '../compat.ts';

export const networkRoutes = [
  serve(routes.networkList, ({ query }, engine) => engine.networks.list(query.filters)),
  serve(routes.networkInspect, async ({ path, query, version }, engine) => {
    const network = await engine.networks.inspect(path.ref, query);
    return version >= 52 ? network : without(network, ['Status']);
  }),
  serve(routes.networkCreate, ({ body }, engine) => engine.networks.create(body)),
  serve(routes.networkRemove, ({ path }, engine) => engine.networks.remove(path.ref)),
  serve(routes.networkConnect, ({ path, body }, engine) => engine.networks.connect(path.ref, body)),
  serve(routes.networkDisconnect, ({ path, body }, engine) => engine.networks.disconnect(path.ref, body)),
  serve(routes.networkPrune, ({ query }, engine) => engine.networks.prune(query.filters)),
];
