import { goDurationMs } from '../../base/go-duration.ts';
import { goPattern } from '../../base/go-pattern.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { Filters } from './engine.ts';

/** @throws invalid-argument `invalid filter 'x'` when a key is not one of `accepted` */
export function assertFilters(filters: Filters, accepted: readonly string[]): void {
  for (const key of Object.keys(filters)) if (!accepted.includes(key)) throw invalidArgument(`invalid filter '${key}'`);
}

export const wanted = (filters: Filters, key: string): readonly string[] => filters[key] ?? [];

/** No wish, or one of the wishes is exactly `value`. */
export function matchesExactly(filters: Filters, key: string, value: string): boolean {
  const values = wanted(filters, key);
  return values.length === 0 || values.includes(value);
}

/** Whether one of the wishes occurs in a value, as Docker matches names: as text or as a regular expression; no wish, and all do. */
export async function textFilter(filters: Filters, key: string): Promise<(value: string) => boolean> {
  const tests = await Promise.all(wanted(filters, key).map(occurrence));
  return value => tests.length === 0 || tests.some(test => test(value));
}

async function occurrence(wish: string): Promise<(value: string) => boolean> {
  if (/^[\w-]*$/.test(wish)) return value => value.includes(wish);
  try {
    return await goPattern(wish);
  } catch {
    return value => value === wish; // what is no expression means itself
  }
}

/** Every wished `key` or `key=value` is among the labels. */
export function matchesLabels(
  wishes: readonly string[],
  labels: Readonly<Record<string, string>> | null | undefined,
): boolean {
  return wishes.every(wish => hasLabel(wish, labels ?? {}));
}

function hasLabel(wish: string, labels: Readonly<Record<string, string>>): boolean {
  const at = wish.indexOf('=');
  if (at === -1) return Object.hasOwn(labels, wish);
  return labels[wish.slice(0, at)] === wish.slice(at + 1);
}

/** What prune requests ask: `label` must all be there, and `label!` must not all be there. */
export const keepsLabels = (filters: Filters, labels: Readonly<Record<string, string>> | null | undefined): boolean =>
  matchesLabels(wanted(filters, 'label'), labels) &&
  (wanted(filters, 'label!').length === 0 || !matchesLabels(wanted(filters, 'label!'), labels));

/** The one `until` of a prune. @throws invalid-argument in Docker's words */
export function untilFilter(filters: Filters, now: Date): Date | undefined {
  const [value, ...others] = wanted(filters, 'until');
  if (others.length > 0) throw invalidArgument('more than one until filter specified');
  return value === undefined ? undefined : parseMoment(value, now);
}

/** A moment as clients write it: `10m` ago, seconds since 1970, or RFC 3339. @throws invalid-argument */
export function parseMoment(text: string, now: Date): Date {
  if (/^-?\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000);
  const ago = goDurationMs(text);
  if (ago !== undefined) return new Date(now.getTime() - ago);
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw invalidArgument(`failed to parse value as time or duration: "${text}"`);
  return date;
}
