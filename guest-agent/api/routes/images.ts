import type { IncomingHttpHeaders } from 'node:http';
import { fields, text } from '../../../contracts/decode.ts';
import { type AuthConfig, authConfig } from '../../../contracts/docker/common.ts';
import * as routes from '../../../contracts/docker/image-routes.ts';
import { invalidArgument, messageOf, notImplemented } from '../../../contracts/errors.ts';
import { serve } from '../call.ts';
import { shapeImageInspect, shapeImageSummary } from '../shape-images.ts';

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

const platform = fields({ os: text, architecture: text, variant: text });

/** A platform is `os/arch/variant`, or the OCI document as JSON since API 1.49. */
function platformText(given: string | undefined): string | undefined {
  if (!given?.startsWith('{')) return given;
  try {
    const { os, architecture, variant } = platform(JSON.parse(given), '');
    return [os, architecture, variant].filter(Boolean).join('/');
  } catch (cause) {
    throw invalidArgument(`failed to parse platform: ${given}`, { cause });
  }
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

  serve(routes.imageCreate, async ({ query, headers, signal, progress }, engine) => {
    if (query.fromSrc) throw notImplemented('docker import is not part of Berth yet');
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

  // dockerd answers 200 before it reads the archive: what is wrong with it is told in the stream, whenever it is found
  serve(routes.imageLoad, async ({ query, input, signal, progress }, engine) => {
    await engine.images.load(input, { quiet: query.quiet, progress, signal }).catch(error => {
      progress({ errorDetail: { message: messageOf(error) }, error: messageOf(error) });
    });
  }),

  serve(routes.imageInspect, async ({ path, query, version }, engine) =>
    shapeImageInspect(
      await engine.images.inspect(path.name, { platform: platformText(query.platform), manifests: query.manifests }),
      version,
    ),
  ),

  serve(routes.imageHistory, ({ path }, engine) => engine.images.history(path.name)),

  serve(routes.imageTag, ({ path, query }, engine) => {
    if (!query.repo) throw invalidArgument('invalid reference format: repository name must not be empty');
    return engine.images.tag(path.name, { repository: query.repo, tag: query.tag });
  }),

  serve(routes.imageRemove, ({ path, query }, engine) =>
    engine.images.remove(path.name, { force: query.force, noPrune: query.noprune }),
  ),

  serve(routes.imageSaveAll, ({ query }, engine) => engine.images.save(query.names)),
  serve(routes.imageSave, ({ path }, engine) => engine.images.save([path.name])),

  serve(routes.imagePrune, ({ query }, engine) => engine.images.prune(query.filters)),
];
