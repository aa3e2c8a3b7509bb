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

/** No wish, or one of the wishes occurs in `value`: as text or as a regular expression, as Docker matches names. */
export function matchesText(filters: Filters, key: string, value: string): boolean {
  const values = wanted(filters, key);
  return values.length === 0 || values.some(pattern => textMatches(pattern, value));
}

function textMatches(pattern: string, value: string): boolean {
  if (value.includes(pattern)) return true;
  try {
    return new RegExp(pattern).test(value);
  } catch {
    return false;
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
  const ago = durationMs(text);
  if (ago !== undefined) return new Date(now.getTime() - ago);
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw invalidArgument(`failed to parse value as time or duration: "${text}"`);
  return date;
}

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 1e-6,
};

/** Milliseconds of a Go duration such as `1h30m`. */
export function durationMs(text: string): number | undefined {
  if (!/^([\d.]+(h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g))
    total += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  return total;
}
