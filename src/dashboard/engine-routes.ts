import { engineRoutes } from '../../contracts/bridge-routes.ts';
import { invalidArgument, notFound } from '../../contracts/errors.ts';
import type { Route } from '../../contracts/route.ts';

const patterns = engineRoutes.map(route => ({ route, pattern: patternOf(route.path) }));

function patternOf(path: string): RegExp {
  const parts = path.split(/(\{\w+\*?\})/).map(part => {
    if (!part.startsWith('{')) return part.replace(/[.]/g, '\\.');
    return part.includes('*') ? '.+' : '[^/]+';
  });
  return new RegExp(`^${parts.join('')}$`);
}

/** A request of the Docker API that a window may make: what is asked is as the engine itself would read it. */
export interface EngineRequest {
  route: Route;
  method: string;
  /** With its query. */
  path: string;
  body: unknown;
}

/** @throws not-found for what is not on the list, invalid-argument for a query or a body that cannot be */
export function checkEngineRequest(method: string, path: string, body: unknown): EngineRequest {
  const url = parsePath(path);
  const found = patterns.find(({ route, pattern }) => route.method === method && pattern.test(url.pathname));
  if (!found) throw notFound(`The window may not ask the engine for ${method} ${url.pathname}`);
  const { route } = found;
  for (const [name, decode] of Object.entries(route.query)) {
    const all = url.searchParams.getAll(name);
    decode(all[0], name, all);
  }
  if (body !== undefined && !route.body) throw invalidArgument(`${method} ${url.pathname} takes no document`);
  if (route.body && body !== undefined) route.body(body, '');
  return { route, method, path: url.pathname + url.search, body };
}

/** Dots are resolved before the path is compared: what is compared is what is asked. */
function parsePath(path: string): URL {
  try {
    if (path.startsWith('/') && !path.startsWith('//')) return new URL(path, 'http://engine');
  } catch {
    // told below
  }
  throw invalidArgument(`not a path of the engine: ${path.slice(0, 200)}`);
}
