import { boolean, filters, optionalText } from '../decode.ts';
import { bytes, json, nothing, route } from '../route.ts';
import { type VolumeDocument, type VolumeList, type VolumePruneReport, volumeCreateBody } from './volumes.ts';

export const volumeList = route('GET', '/volumes', { query: { filters }, answer: json<VolumeList>() });

export const volumeInspect = route('GET', '/volumes/{name}', { answer: json<VolumeDocument>() });

export const volumeCreate = route('POST', '/volumes/create', {
  body: volumeCreateBody,
  answer: json<VolumeDocument>(201),
});

export const volumeRemove = route('DELETE', '/volumes/{name}', { query: { force: boolean }, answer: nothing() });

export const volumePrune = route('POST', '/volumes/prune', { query: { filters }, answer: json<VolumePruneReport>() });

/**
 * Berth's own: a volume as a tar of `./` and all below it, while containers use it. With `pause` those that run are
 * frozen until the last byte is read, so that the files are of one moment.
 */
export const volumeExport = route('GET', '/volumes/{name}/archive', {
  query: { pause: boolean },
  answer: bytes('application/x-tar'),
});

/**
 * Berth's own: makes a tar (plain, gzip or zstd) the contents of a volume, which is made when it is not there. 409 while
 * a container with it runs, and when it is not empty unless asked to `replace`.
 */
export const volumeImport = route('PUT', '/volumes/{name}/archive', {
  query: { replace: boolean },
  answer: json<VolumeDocument>(),
});

/** Berth's own: a new volume with the same contents and labels. `pause` as for the export. */
export const volumeClone = route('POST', '/volumes/{name}/clone', {
  query: { to: optionalText, pause: boolean },
  answer: json<VolumeDocument>(201),
});

/** Berth's own: removes all that is in a volume. 409 while a container with it runs. */
export const volumeEmpty = route('POST', '/volumes/{name}/empty', { answer: nothing() });
