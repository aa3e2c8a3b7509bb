import { invalidArgument } from '../errors.ts';

/** What a request for a list, or for a prune, wants: of each key the values that it takes. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** `true`, `1` or `false`, `0`, whatever else is said; undefined when it is not asked. @throws invalid-argument in Docker's words */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const values = filters[key] ?? [];
  if (values.length === 0) return undefined;
  const isTrue = values.includes('1') || values.includes('true');
  const isFalse = values.includes('0') || values.includes('false');
  if (isTrue === isFalse) throw invalidArgument(`invalid filter '${key}=[${values.join(' ')}]'`);
  return isTrue;
}
