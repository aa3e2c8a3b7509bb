import type { IncomingHttpHeaders } from 'node:http';
import * as routes from '../../../contracts/docker/build-routes.ts';
import { type AuthConfig, authConfig } from '../../../contracts/docker/common.ts';
import type { HostConfig } from '../../../contracts/docker/containers.ts';
import { invalidArgument, messageOf } from '../../../contracts/errors.ts';
import type { Query } from '../../../contracts/route.ts';
import { serve } from '../call.ts';

type BuildQuery = Query<typeof routes.imageBuild.query>;

/** Credentials of all registries; what cannot be read counts as none. */
function readAuths(headers: IncomingHttpHeaders): Record<string, AuthConfig> {
  const given = headers['x-registry-config'];
  if (typeof given !== 'string' || given === '') return {};
  try {
    const document = JSON.parse(Buffer.from(given, 'base64url').toString()) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(document).map(([host, auth]) => [host, authConfig(auth, '')]));
  } catch {
    return {};
  }
}

/** A map of texts in the query; null values (an ARG that the client has no value for) are dropped. @throws invalid-argument */
function textsIn(given: string | undefined, what: string): Record<string, string> {
  try {
    const document: unknown = JSON.parse(given ?? '{}');
    const entries = Object.entries((document ?? {}) as Record<string, unknown>);
    return Object.fromEntries(entries.flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])));
  } catch (error) {
    throw invalidArgument(`error reading ${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** Limits of RUN's containers. */
function hostOf(query: BuildQuery): HostConfig {
  const asked: HostConfig = {
    NetworkMode: query.networkmode,
    ExtraHosts: [...query.extrahosts],
    ShmSize: query.shmsize,
    Memory: query.memory,
    MemorySwap: query.memswap,
    CpuShares: query.cpushares,
    CpusetCpus: query.cpusetcpus,
    CpusetMems: query.cpusetmems,
    CpuPeriod: query.cpuperiod,
    CpuQuota: query.cpuquota,
    CgroupParent: query.cgroupparent,
    Ulimits: JSON.parse(query.ulimits ?? 'null') ?? [],
  };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined && value !== 0));
}

/** The classic door to the builder. */
export const buildRoutes = [
  serve(routes.imageBuild, async ({ query, headers, input, progress, signal, builder }) => {
    if (query.squash) throw invalidArgument('squash is only supported with experimental mode');
    const { buildClassic, builder: rooms } = await builder();
    await buildClassic(
      {
        tar: input,
        remote: query.remote,
        dockerfile: query.dockerfile ?? '',
        tags: query.t,
        quiet: query.q,
        noCache: query.nocache,
        pull: query.pull,
        target: query.target,
        platform: query.platform,
        args: textsIn(query.buildargs, 'build args'),
        labels: textsIn(query.labels, 'labels'),
        host: hostOf(query),
        auths: readAuths(headers),
        progress,
        signal,
      },
      rooms,
    );
  }),
  serve(routes.buildCancel, () => undefined),
  serve(routes.buildList, async ({ query, signal, builder }) =>
    (await builder()).builder.history.list(query.watch, signal),
  ),
  serve(routes.buildLog, async ({ path, signal, builder }) => (await builder()).builder.history.log(path.id, signal)),
  serve(routes.buildStop, async ({ path, builder }) => (await builder()).builder.history.cancel(path.id)),
];
