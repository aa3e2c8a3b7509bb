import { booleanFilter } from '../../contracts/docker/filters.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { Volume, VolumeFilters, VolumeUses } from './volumes.ts';

const listFilters = ['dangling', 'driver', 'label'];
const pruneFilters = ['label', 'label!', 'all'];

/** @throws invalid-argument in Docker's words */
export function checkListFilters(filters: VolumeFilters): void {
  check(filters, listFilters);
  booleanFilter(filters, 'dangling');
}
/** @throws invalid-argument in Docker's words */
export const checkPruneFilters = (filters: VolumeFilters): void => check(filters, pruneFilters);

function check(filters: VolumeFilters, known: string[]): void {
  for (const name of Object.keys(filters)) if (!known.includes(name)) throw invalidArgument(`invalid filter '${name}'`);
}

/** `key` or `key=value` against the labels. */
function hasLabel(volume: Volume, wanted: string): boolean {
  const cut = wanted.indexOf('=');
  if (cut === -1) return Object.hasOwn(volume.labels, wanted);
  return volume.labels[wanted.slice(0, cut)] === wanted.slice(cut + 1);
}

/** Whether `docker volume ls` with these filters shows the volume. */
export function matches(volume: Volume, filters: VolumeFilters, uses: VolumeUses): boolean {
  const dangling = booleanFilter(filters, 'dangling');
  if (dangling !== undefined && dangling !== (uses(volume.name).length === 0)) return false;
  if (filters.driver?.length && !filters.driver.includes(volume.driver)) return false;
  return (filters.label ?? []).every(label => hasLabel(volume, label));
}

/** @throws invalid-argument in the words of Go's strconv */
function takesAll(filters: VolumeFilters): boolean | undefined {
  const wrong = filters.all?.find(value => !['1', 'true', '0', 'false'].includes(value));
  if (wrong === undefined) return booleanFilter(filters, 'all');
  throw invalidArgument(`invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(wrong)}: invalid syntax`);
}

/** Whether a prune with these filters may take the volume: anonymous ones, or with `all` any. */
export function isPrunable(volume: Volume, filters: VolumeFilters): boolean {
  if (!volume.anonymous && takesAll(filters) !== true) return false;
  const unwanted = filters['label!'] ?? [];
  if (unwanted.length > 0 && unwanted.every(label => hasLabel(volume, label))) return false;
  return (filters.label ?? []).every(label => hasLabel(volume, label));
}
