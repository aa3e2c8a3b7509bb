import type { ContainerRef } from '../../../contracts/brand.ts';
import * as routes from '../../../contracts/docker/checkpoints.ts';
import { notImplemented } from '../../../contracts/errors.ts';
import type { CheckpointsService, Engine } from '../../engine/index.ts';
import { serve } from '../call.ts';

/** As of an engine that does not have the routes. @throws not-implemented in Docker's words */
function checkpointsOf({ experimental, checkpoints }: Engine): CheckpointsService {
  if (experimental) return checkpoints;
  throw notImplemented(
    'This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.',
  );
}

export const checkpointRoutes = [
  serve(routes.checkpointCreate, ({ path, body }, engine) => {
    const { CheckpointID: name = '', CheckpointDir: folder = '', Exit: exit = false } = body;
    return checkpointsOf(engine).create(path.ref as ContainerRef, { name, folder, exit });
  }),

  serve(routes.checkpointList, ({ path, query }, engine) => {
    const names = checkpointsOf(engine).list(path.ref as ContainerRef, query.dir ?? '');
    return names.length > 0 ? names.map(Name => ({ Name })) : null;
  }),

  serve(routes.checkpointRemove, ({ path, query }, engine) =>
    checkpointsOf(engine).remove(path.ref as ContainerRef, { name: path.name, folder: query.dir ?? '' }),
  ),
];
