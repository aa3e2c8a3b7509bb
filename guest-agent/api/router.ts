import { invalidArgument } from '../../contracts/errors.ts';
import type { Route } from '../../contracts/route.ts';

/** A route with what answers it. */
export interface Served<Handler> {
  readonly route: Route;
  readonly handler: Handler;
}

/** Where a request goes. */
export interface Match<Handler> {
  readonly served: Served<Handler>;
  readonly path: Readonly<Record<string, string>>;
}

interface Pattern<Handler> {
  readonly served: Served<Handler>;
  readonly expression: RegExp;
  readonly names: readonly string[];
}

const parameter = /\{(\w+)(\*?)\}/g;

const firstSegment = (path: string): string => {
  const end = path.indexOf('/', 1);
  return end === -1 ? path : path.slice(0, end);
};

const keyOf = (method: string, path: string): string => `${method} ${firstSegment(path)}`;

function compile<Handler>(served: Served<Handler>): Pattern<Handler> {
  const names: string[] = [];
  const source = served.route.path.replace(parameter, (_whole, name: string, star: string) => {
    names.push(name);
    return star === '*' ? '(.+)' : '([^/]+)';
  });
  return { served, names, expression: new RegExp(`^${source}$`) };
}

/** Decodes `%2F` and its kind. @throws invalid-argument */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw invalidArgument(`invalid URL escape ${JSON.stringify(segment)}`, { cause });
  }
}

/** Plain paths first, then those with parameters, the ones that may hold slashes last. */
const rank = (route: Route): number => {
  const parameters = [...route.path.matchAll(parameter)];
  return parameters.length + (parameters.some(([, , star]) => star) ? 10 : 0);
};

/** Finds the route of a path without its version prefix: the most particular of those that fit. */
export class Router<Handler> {
  readonly #patterns = new Map<string, Pattern<Handler>[]>();

  constructor(routes: readonly Served<Handler>[]) {
    const patterns = [...routes].sort((left, right) => rank(left.route) - rank(right.route)).map(compile);
    for (const pattern of patterns) {
      const { method, path } = pattern.served.route;
      const key = keyOf(method, path);
      this.#patterns.set(key, [...(this.#patterns.get(key) ?? []), pattern]);
    }
  }

  /** @throws invalid-argument when the path is not properly escaped */
  find(method: string, path: string): Match<Handler> | undefined {
    const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    for (const { served, expression, names } of this.#patterns.get(keyOf(method, plain)) ?? []) {
      const groups = expression.exec(plain);
      if (!groups) continue;
      return { served, path: Object.fromEntries(names.map((name, at) => [name, decoded(groups[at + 1] ?? '')])) };
    }
    return undefined;
  }
}
