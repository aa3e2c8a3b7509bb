import { notSwarmManager } from '../../../contracts/docker/swarm.ts';
import * as routes from '../../../contracts/docker/volume-routes.ts';
import { unavailable } from '../../../contracts/errors.ts';
import { serve } from '../call.ts';
import { shapeVolumePrune } from '../shape-system.ts';

export const volumeRoutes = [
  serve(routes.volumeList, ({ query }, engine) => engine.volumes.list(query.filters)),
  serve(routes.volumeInspect, ({ path }, engine) => engine.volumes.inspect(path.name)),
  serve(routes.volumeCreate, ({ body, version }, engine) => {
    if (body.ClusterVolumeSpec && version >= 42) throw unavailable(notSwarmManager);
    return engine.volumes.create(body);
  }),
  serve(routes.volumeRemove, ({ path, query }, engine) => engine.volumes.remove(path.name, query)),
  serve(routes.volumePrune, ({ query, version }, engine) =>
    engine.volumes.prune(shapeVolumePrune(query.filters, version)),
  ),

  serve(routes.volumeExport, ({ path, query }, engine) => engine.volumes.export(path.name, query)),
  serve(routes.volumeImport, ({ path, query, input }, engine) => engine.volumes.import(path.name, input, query)),
  serve(routes.volumeClone, ({ path, query }, engine) => engine.volumes.clone(path.name, query)),
  serve(routes.volumeEmpty, ({ path }, engine) => engine.volumes.empty(path.name)),
];
