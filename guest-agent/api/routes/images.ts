import type { IncomingHttpHeaders } from 'node:http';
import { type AuthConfig, authConfig } from '../../../contracts/docker/common.ts';
import * as routes from '../../../contracts/docker/image-routes.ts';
import { invalidArgument, messageOf } from '../../../contracts/errors.ts';
import { serve } from '../call.ts';
import { shapeImageInspect, shapeImageSummary } from '../shape-images.ts';
import { passTarErrors } from './archives.ts';
import { onlyPlatformOf, platformOf } from './platform-parameter.ts';

/** Credentials that cannot be read count as none, as in Docker: the registry then says what it misses. */
function readAuth(headers: IncomingHttpHeaders): AuthConfig | undefined {
  const given = headers['x-registry-auth'];
  if (typeof given !== 'string' || given === '') return undefined;
  try {
    return authConfig(JSON.parse(Buffer.from(given, 'base64url').toString()), '');
  } catch {
    return undefined;
  }
}

/** @throws invalid-argument in Docker's words */
function limitOf(given: string | undefined): number {
  if (given && !/^[+-]?\d+$/.test(given)) {
    throw invalidArgument(`invalid limit specified: strconv.Atoi: parsing ${JSON.stringify(given)}: invalid syntax`);
  }
  return Number(given ?? 0);
}

export const imageRoutes = [
  serve(routes.imageList, async ({ query, version }, engine) => {
    const { filter, filters, ...rest } = query;
    const images = await engine.images.list({
      ...rest,
      sharedSize: query['shared-size'],
      filters: filter && version < 41 ? { ...filters, reference: [filter] } : filters,
    });
    return images.map(image => shapeImageSummary(image, version));
  }),

  serve(routes.imageCreate, async ({ query, headers, input, signal, progress }, engine) => {
    const { fromSrc, repo = '', tag, message = '', changes, platform } = query;
    if (fromSrc && !query.fromImage) {
      const named = { repository: repo, ...(tag ? { tag } : {}), ...(platform ? { platform } : {}) };
      const request = { source: fromSrc, input, message, changes, ...named, progress, signal };
      await engine.images.import(request).catch(passTarErrors);
      return;
    }
    if (!query.fromImage) throw invalidArgument('missing parameter: fromImage');
    await engine.images.pull({
      image: query.fromImage,
      tag: query.tag,
      platform: query.platform,
      auth: readAuth(headers),
      progress,
      signal,
    });
  }),

  serve(routes.imagePush, ({ path, query, headers, signal, progress }, engine) =>
    engine.images.push({
      image: path.name,
      tag: query.tag,
      platform: platformOf(query.platform),
      auth: readAuth(headers),
      progress,
      signal,
    }),
  ),

  serve(routes.distributionInspect, ({ path, headers, signal }, engine) =>
    engine.images.distribution({ image: path.name, auth: readAuth(headers), signal }),
  ),

  serve(routes.distributionTags, ({ path, headers, signal }, engine) =>
    engine.images.tags({ image: path.name, auth: readAuth(headers), signal }),
  ),

  serve(routes.imageSearch, ({ query, headers, signal }, engine) => {
    const { term = '', filters } = query;
    const limit = limitOf(query.limit);
    return engine.images.search({ term, filters, ...(limit ? { limit } : {}), auth: readAuth(headers), signal });
  }),

  // dockerd answers 200 before it reads the archive: what is wrong with it is told in the stream, whenever it is found
  serve(routes.imageLoad, async ({ query, input, signal, progress }, engine) => {
    const platform = onlyPlatformOf(query.platform);
    await engine.images.load(input, { quiet: query.quiet, platform, progress, signal }).catch(error => {
      progress({ errorDetail: { message: messageOf(error) }, error: messageOf(error) });
    });
  }),

  serve(routes.imageInspect, async ({ path, query, version }, engine) =>
    shapeImageInspect(
      await engine.images.inspect(path.name, { platform: platformOf(query.platform), manifests: query.manifests }),
      version,
    ),
  ),

  serve(routes.imageHistory, ({ path, query }, engine) => engine.images.history(path.name, platformOf(query.platform))),

  serve(routes.imageTag, ({ path, query }, engine) => {
    if (!query.repo) throw invalidArgument('invalid reference format: repository name must not be empty');
    return engine.images.tag(path.name, { repository: query.repo, tag: query.tag });
  }),

  serve(routes.imageRemove, ({ path, query }, engine) =>
    engine.images.remove(path.name, {
      force: query.force,
      noPrune: query.noprune,
      platform: onlyPlatformOf(query.platforms),
    }),
  ),

  serve(routes.imageSaveAll, ({ query }, engine) => engine.images.save(query.names, onlyPlatformOf(query.platform))),
  serve(routes.imageSave, ({ path, query }, engine) => engine.images.save([path.name], onlyPlatformOf(query.platform))),

  serve(routes.imagePrune, ({ query }, engine) => engine.images.prune(query.filters)),
];
