import type { Handler } from '../call.ts';
import type { Served } from '../router.ts';
import { absentRoutes } from './absent.ts';
import { archiveRoutes } from './archives.ts';
import { buildRoutes } from './build.ts';
import { checkpointRoutes } from './checkpoints.ts';
import { containerRoutes } from './containers.ts';
import { execRoutes } from './exec.ts';
import { imageRoutes } from './images.ts';
import { networkRoutes } from './networks.ts';
import { pingRoutes } from './ping.ts';
import { systemRoutes } from './system.ts';
import { volumeRoutes } from './volumes.ts';

/** Every endpoint that is answered. */
export const allRoutes: readonly Served<Handler>[] = [
  ...pingRoutes,
  ...containerRoutes,
  ...checkpointRoutes,
  ...archiveRoutes,
  ...execRoutes,
  ...imageRoutes,
  ...buildRoutes,
  ...networkRoutes,
  ...volumeRoutes,
  ...systemRoutes,
  ...absentRoutes,
];
