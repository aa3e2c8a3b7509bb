import { boolean, everyValue, filters, optionalText, repeated } from '../decode.ts';
import { bytes, json, nothing, progress, route } from '../route.ts';
import type { JsonMessage } from './common.ts';
import type {
  DistributionInspect,
  HistoryItem,
  ImageDeleteItem,
  ImageInspect,
  ImagePruneReport,
  ImageSearchResult,
  ImageSummary,
  RepositoryTags,
} from './images.ts';

export const imageList = route('GET', '/images/json', {
  query: {
    all: boolean,
    digests: boolean,
    filter: optionalText,
    filters,
    'shared-size': boolean,
    manifests: boolean,
  },
  answer: json<ImageSummary[]>(),
});

/** Pull, or import of a tar (`fromSrc`); credentials come in `X-Registry-Auth`. */
export const imageCreate = route('POST', '/images/create', {
  query: {
    fromImage: optionalText,
    fromSrc: optionalText,
    repo: optionalText,
    tag: optionalText,
    platform: optionalText,
    message: optionalText,
    changes: repeated,
  },
  answer: progress<JsonMessage>(),
});

/** Credentials come in `X-Registry-Auth`; the platform is OCI's document. */
export const imagePush = route('POST', '/images/{name*}/push', {
  query: { tag: optionalText, platform: optionalText },
  answer: progress<JsonMessage>(),
});

export const distributionInspect = route('GET', '/distribution/{name*}/json', {
  answer: json<DistributionInspect>(),
});

/** Berth's own: the tags that a registry has of an image. Credentials come in `X-Registry-Auth`. */
export const distributionTags = route('GET', '/distribution/{name*}/tags', { answer: json<RepositoryTags>() });

/** Credentials come in `X-Registry-Auth`. */
export const imageSearch = route('GET', '/images/search', {
  query: { term: optionalText, limit: optionalText, filters },
  answer: json<ImageSearchResult[]>(),
});

export const imageInspect = route('GET', '/images/{name*}/json', {
  query: { platform: optionalText, manifests: boolean },
  answer: json<ImageInspect>(),
});

export const imageHistory = route('GET', '/images/{name*}/history', {
  query: { platform: optionalText },
  answer: json<HistoryItem[]>(),
});

export const imageTag = route('POST', '/images/{name*}/tag', {
  query: { repo: optionalText, tag: optionalText },
  answer: nothing(201),
});

export const imageRemove = route('DELETE', '/images/{name*}', {
  query: { force: boolean, noprune: boolean, platforms: repeated },
  answer: json<ImageDeleteItem[]>(),
});

export const imageSaveAll = route('GET', '/images/get', {
  query: { names: everyValue, platform: repeated },
  answer: bytes('application/x-tar'),
});
export const imageSave = route('GET', '/images/{name*}/get', {
  query: { platform: repeated },
  answer: bytes('application/x-tar'),
});

/** The request's body is a tar, plain or compressed. */
export const imageLoad = route('POST', '/images/load', {
  query: { quiet: boolean, platform: repeated },
  answer: progress<JsonMessage>(),
});

export const imagePrune = route('POST', '/images/prune', { query: { filters }, answer: json<ImagePruneReport>() });
