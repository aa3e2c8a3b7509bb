import type { ContainerRef } from '../../../contracts/brand.ts';
import * as routes from '../../../contracts/docker/container-routes.ts';
import type { WaitCondition } from '../../../contracts/docker/containers.ts';
import { EngineError, internal, invalidArgument, messageOf, notFound } from '../../../contracts/errors.ts';
import type { Container, Engine } from '../../engine/index.ts';
import { assertBody } from '../body.ts';
import { serve } from '../call.ts';
import { type ApiMinor, knowsConditions } from '../compat.ts';
import { shapeCreate, shapeInspect, shapeSummary } from '../shape-containers.ts';

const conditions: readonly WaitCondition[] = ['not-running', 'next-exit', 'removed'];

const containerOf = (engine: Engine, path: { ref: string }): Container =>
  engine.containers.getByRef(path.ref as ContainerRef);

const isNotFound = (error: unknown): boolean => error instanceof EngineError && error.kind === 'not-found';

/** `rm --link parent/alias`. @throws not-found in Docker's words */
function removeLink(engine: Engine, parent: string, alias: string): Promise<void> {
  try {
    return containerOf(engine, { ref: parent }).removeLink(alias);
  } catch (error) {
    throw isNotFound(error) ? notFound(`No such container: ${parent}/${alias}`) : error;
  }
}

/** @throws invalid-argument in Docker's words */
function parseCondition(given: string | undefined, version: ApiMinor): WaitCondition {
  if (given === undefined || !knowsConditions(version)) return 'not-running';
  const known = conditions.find(condition => condition === given);
  if (!known) throw invalidArgument(`invalid condition: "${given}"`);
  return known;
}

/** `all`, nothing and what is no number mean every line. */
function parseTail(given: string | undefined): number | undefined {
  return given !== undefined && /^\+?\d+$/.test(given) ? Number(given) : undefined;
}

/** Whatever it was, dockerd tells it as a failure of its own. @throws internal, not-modified */
function failed(what: string, error: unknown): never {
  if (error instanceof EngineError && error.kind === 'not-modified') throw error;
  throw internal(`${what}: ${messageOf(error)}`, { cause: error });
}

const stopOptions = (query: { t?: number; signal?: string }): { signal?: string; timeoutSeconds?: number } => ({
  signal: query.signal,
  timeoutSeconds: query.t,
});

export const containerRoutes = [
  serve(routes.containerList, async ({ query, version }, engine) => {
    const limit = Math.max(query.limit ?? 0, 0);
    const containers = await engine.containers.list({ ...query, limit: limit || undefined });
    return version >= 48 && !query.size ? containers : containers.map(container => shapeSummary(container, version));
  }),

  serve(routes.containerCreate, ({ query, body, input, version }, engine) => {
    assertBody(input);
    if (Object.keys(body).length === 0) {
      throw invalidArgument('config cannot be empty in order to create a container');
    }
    return engine.containers.create({ ...query, body: shapeCreate(body, version) });
  }),

  serve(routes.containerInspect, async ({ path, query, version }, engine) =>
    shapeInspect(await containerOf(engine, path).inspect(query), version),
  ),

  serve(routes.containerTop, ({ path, query }, engine) => containerOf(engine, path).top(query.ps_args ?? '-ef')),

  serve(routes.containerLogs, ({ path, query, signal }, engine) => {
    const container = containerOf(engine, path);
    if (!query.stdout && !query.stderr) {
      throw invalidArgument('Bad parameters: you must choose at least one stream');
    }
    return container.logs({ ...query, tail: parseTail(query.tail) }, signal);
  }),

  serve(routes.containerChanges, ({ path }, engine) => containerOf(engine, path).changes()),

  serve(routes.containerCommit, ({ query, body }, engine) => {
    if (!query.container) throw invalidArgument('invalid name or ID supplied: ""');
    const { HostConfig: _, NetworkingConfig: __, ...config } = body;
    return containerOf(engine, { ref: query.container }).commit({
      config,
      repository: query.repo ?? '',
      ...(query.tag ? { tag: query.tag } : {}),
      comment: query.comment ?? '',
      author: query.author ?? '',
      pause: query.pause,
      changes: query.changes,
    });
  }),

  serve(routes.containerExport, ({ path }, engine) => containerOf(engine, path).export()),

  serve(routes.containerStats, ({ path, query, signal }, engine) => {
    const oneShot = query['one-shot'];
    if (query.stream && oneShot) throw invalidArgument('cannot have stream=true and one-shot=true');
    return containerOf(engine, path).stats({ stream: query.stream, oneShot }, signal);
  }),

  serve(routes.containerResize, ({ path, query }, engine) => containerOf(engine, path).resize(query.h, query.w)),

  serve(routes.containerStart, ({ path, query }, engine) => {
    const { checkpoint: name, 'checkpoint-dir': folder = '' } = query;
    if (!name) return containerOf(engine, path).start();
    if (!engine.experimental) throw invalidArgument('checkpoint is only supported in experimental mode');
    return containerOf(engine, path).start({ name, folder });
  }),
  serve(routes.containerStop, ({ path, query }, engine) => {
    const container = containerOf(engine, path);
    return container.stop(stopOptions(query)).catch(error => failed(`cannot stop container: ${path.ref}`, error));
  }),
  serve(routes.containerRestart, ({ path, query }, engine) => {
    const container = containerOf(engine, path);
    return container.restart(stopOptions(query)).catch(error => failed(`Cannot restart container ${path.ref}`, error));
  }),
  serve(routes.containerKill, ({ path, query }, engine) => {
    try {
      return containerOf(engine, path).kill(query.signal);
    } catch (error) {
      throw isNotFound(error) ? notFound(`cannot kill container: ${path.ref}: ${messageOf(error)}`) : error;
    }
  }),
  serve(routes.containerUpdate, ({ path, body }, engine) => containerOf(engine, path).update(body)),
  serve(routes.containerRename, ({ path, query }, engine) => containerOf(engine, path).rename(query.name ?? '')),
  serve(routes.containerPause, ({ path }, engine) => containerOf(engine, path).pause()),
  serve(routes.containerUnpause, ({ path }, engine) => containerOf(engine, path).unpause()),

  serve(routes.containerAttach, ({ path, query }, engine) => containerOf(engine, path).attach(query)),
  serve(routes.containerAttachWebSocket, ({ path, query }, engine) => containerOf(engine, path).attach(query)),

  serve(routes.containerWait, ({ path, query, signal, version }, engine) => ({
    later: containerOf(engine, path).wait(parseCondition(query.condition, version), signal),
  })),

  serve(routes.containerRemove, ({ path, query }, engine) => {
    const name = path.ref.replace(/^\//, '');
    const cut = query.link ? name.lastIndexOf('/') : -1;
    if (cut !== -1) return removeLink(engine, name.slice(0, cut), name.slice(cut + 1));
    return containerOf(engine, path).remove({ force: query.force, volumes: query.v, link: query.link });
  }),

  serve(routes.containerPrune, ({ query }, engine) => engine.containers.prune(query.filters)),
];
