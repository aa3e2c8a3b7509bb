import * as builds from './docker/build-routes.ts';
import * as containers from './docker/container-routes.ts';
import * as exec from './docker/exec-routes.ts';
import * as images from './docker/image-routes.ts';
import * as networks from './docker/network-routes.ts';
import * as system from './docker/system-routes.ts';
import * as volumes from './docker/volume-routes.ts';
import type { Route } from './route.ts';

/** Of the Docker API, what a window may ask: what answers in HTTP. Sessions have streams of their own, log-ins none. */
const { registryLogin: _login, ...systemRoutes } = system;
const { execStart: _start, ...execRoutes } = exec;
const {
  containerAttach: _attach,
  containerAttachWebSocket: _socket,
  terminalSize: _size,
  ...containerRoutes
} = containers;

export const engineRoutes: readonly Route[] = Object.values({
  ...builds,
  ...containerRoutes,
  ...execRoutes,
  ...images,
  ...networks,
  ...systemRoutes,
  ...volumes,
}) as readonly Route[];
