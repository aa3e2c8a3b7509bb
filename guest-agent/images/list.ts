import { goDurationMs } from '../../base/go-duration.ts';
import { pathMatcher } from '../../base/path-match.ts';
import { booleanFilter } from '../../contracts/docker/filters.ts';
import { internal, invalidArgument, messageOf, notFound } from '../../contracts/errors.ts';
import { familiar, familiarName, parseReference, type Reference } from '../../contracts/oci/reference.ts';
import type { Image } from './image.ts';

/** Key → wanted values, as every list and prune request carries them. */
export type ImageFilters = Readonly<Record<string, readonly string[]>>;

const ofList = ['dangling', 'label', 'before', 'since', 'reference', 'until'];
const ofPrune = ['dangling', 'label', 'label!', 'until'];

/** @throws invalid-argument for a filter that a list, or a prune, does not know. */
export function checkFilters(filters: ImageFilters, purpose: 'list' | 'prune'): void {
  const known = purpose === 'list' ? ofList : ofPrune;
  const unknown = Object.keys(filters).find(key => !known.includes(key));
  if (unknown) throw invalidArgument(`invalid filter '${unknown}'`);
}

/**
 * The images that pass, newest first. With a `reference` filter each shows only the names that match.
 * @throws invalid-argument for a value that means nothing.
 */
export function filterImages(
  images: readonly Image[],
  filters: ImageFilters,
  find: (name: string) => Image | undefined,
  now: Date,
): Image[] {
  const before = earliest(filters.before, find);
  const since = latest(filters.since, find);
  const untils = (filters.until ?? []).flatMap(value => timeFilter([value], now) ?? []);
  const dangling = booleanFilter(filters, 'dangling');
  const patterns = filters.reference?.map(namesLike) ?? [];
  return images
    .filter(image => !before || image.createdAt < before)
    .filter(image => !since || image.createdAt > since)
    .filter(image => untils.every(until => image.createdAt <= until))
    .filter(image => matchesLabels(image, filters))
    .filter(image => dangling === undefined || isDangling(image, dangling))
    .flatMap(image => withMatchingNames(image, patterns))
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
}

/** @throws internal, as dockerd does, for a pattern that is none */
function namesLike(pattern: string): (name: string) => boolean {
  try {
    return pathMatcher(pattern);
  } catch (cause) {
    throw internal(messageOf(cause), { cause });
  }
}

/** What has no tag is dangling; only what has no name at all is not "not dangling" (as dockerd has it). */
const isDangling = (image: Image, wanted: boolean): boolean =>
  wanted ? image.references.length === 0 : image.references.length + image.repoDigests.length > 0;

function withMatchingNames(image: Image, patterns: readonly ((name: string) => boolean)[]): Image[] {
  if (patterns.length === 0) return [image];
  const matches = (name: Reference): boolean => patterns.some(fits => fits(familiar(name)) || fits(familiarName(name)));
  const references = image.references.filter(matches);
  const digestReferences = image.digestReferences.filter(matches);
  if (references.length + digestReferences.length === 0) return [];
  const repoDigests = digestReferences.map(familiar);
  return [{ ...image, references, digestReferences, repoDigests }];
}

/** `label=key`, `label=key=value`; `label!=` for what must not be there. */
export function matchesLabels(image: Image, filters: ImageFilters): boolean {
  const labels = image.config.config?.Labels ?? {};
  const has = (wanted: string): boolean => {
    const equals = wanted.indexOf('=');
    if (equals === -1) return Object.hasOwn(labels, wanted);
    return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
  };
  const unwanted = filters['label!'] ?? [];
  return (filters.label ?? []).every(has) && (unwanted.length === 0 || !unwanted.every(has));
}

/** `until`: a Go duration back from now, seconds since 1970, or RFC 3339. @throws internal, as dockerd does. */
export function timeFilter(values: readonly string[] | undefined, now: Date): Date | undefined {
  const [value, ...others] = values ?? [];
  if (value === undefined) return undefined;
  if (others.length > 0) throw internal('more than one until filter specified');
  if (/^\d+(\.\d+)?$/.test(value)) return new Date(Number(value) * 1000);
  const ago = goDurationMs(value);
  if (ago !== undefined) return new Date(now.getTime() - ago);
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw internal(`failed to parse value as time or duration: "${value}"`);
  return date;
}

function earliest(names: readonly string[] | undefined, find: (name: string) => Image | undefined): Date | undefined {
  return dates(names, find).sort((a, b) => a.getTime() - b.getTime())[0];
}

function latest(names: readonly string[] | undefined, find: (name: string) => Image | undefined): Date | undefined {
  return dates(names, find).sort((a, b) => b.getTime() - a.getTime())[0];
}

const dates = (names: readonly string[] = [], find: (name: string) => Image | undefined): Date[] =>
  names.map(name => (find(name) ?? noSuchImage(name)).createdAt);

/** Docker completes the name before it complains. */
export function noSuchImage(name: string): never {
  throw notFound(`No such image: ${completed(name)}`);
}

function completed(name: string): string {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) return name;
  const reference = parseReference(name);
  return familiar(reference.tag || reference.digest ? reference : { ...reference, tag: 'latest' });
}
