import { boolean, filters } from '../decode.ts';
import { json, nothing, route } from '../route.ts';
import { type VolumeDocument, type VolumeList, type VolumePruneReport, volumeCreateBody } from './volumes.ts';

export const volumeList = route('GET', '/volumes', { query: { filters }, answer: json<VolumeList>() });

export const volumeInspect = route('GET', '/volumes/{name}', { answer: json<VolumeDocument>() });

export const volumeCreate = route('POST', '/volumes/create', {
  body: volumeCreateBody,
  answer: json<VolumeDocument>(201),
});

export const volumeRemove = route('DELETE', '/volumes/{name}', { query: { force: boolean }, answer: nothing() });

export const volumePrune = route('POST', '/volumes/prune', { query: { filters }, answer: json<VolumePruneReport>() });
