import type { ContainerRef } from '../../../contracts/brand.ts';
import * as routes from '../../../contracts/docker/container-routes.ts';
import type { ContainerPathStat } from '../../../contracts/docker/containers.ts';
import { internal, messageOf } from '../../../contracts/errors.ts';
import type { PathStat } from '../../archive/index.ts';
import { serve } from '../call.ts';

const statHeader = 'X-Docker-Container-Path-Stat';

/** The stat as the header carries it: base64 of JSON. */
function encodeStat(stat: PathStat): string {
  const document: ContainerPathStat = { ...stat, mtime: stat.mtime.toISOString() };
  return Buffer.from(JSON.stringify(document)).toString('base64');
}

/** What is no tar is a 500 in dockerd, which passes its reader's error on. */
export function passTarErrors(error: unknown): never {
  const message = messageOf(error);
  throw message.startsWith('archive/tar: ') || message === 'unexpected EOF' ? internal(message) : error;
}

export const archiveRoutes = [
  serve(routes.archiveStat, async ({ path, query, header }, engine) => {
    const stat = await engine.containers.getByRef(path.ref as ContainerRef).statPath(query.path);
    header(statHeader, encodeStat(stat));
  }),

  serve(routes.archiveRead, async ({ path, query, header }, engine) => {
    const { stat, tar } = await engine.containers.getByRef(path.ref as ContainerRef).readArchive(query.path);
    header(statHeader, encodeStat(stat));
    return tar;
  }),

  serve(routes.archiveWrite, ({ path, query, input }, engine) =>
    engine.containers
      .getByRef(path.ref as ContainerRef)
      .writeArchive(query.path, input, {
        noOverwriteDirNonDir: query.noOverwriteDirNonDir,
        copyUIDGID: query.copyUIDGID,
      })
      .catch(passTarErrors),
  ),

  serve(routes.archiveRemove, ({ path, query }, engine) =>
    engine.containers.getByRef(path.ref as ContainerRef).removeInside(query.path),
  ),
];
