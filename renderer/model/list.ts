/** What every list of objects does with its rows. */

const collator = new Intl.Collator('en', { numeric: true });

/** `web-9` before `web-10`. */
export const compareTexts = (left: string, right: string): number => collator.compare(left, right);

/** Rows whose `words` hold every word of `search`. */
export function matchingRows<Row>(rows: readonly Row[], search: string, words: (row: Row) => string): Row[] {
  const wanted = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return [...rows];
  return rows.filter(row => {
    const text = words(row).toLowerCase();
    return wanted.every(word => text.includes(word));
  });
}

/** A line of a list: a group's head, or a row. */
export type ListLine<Row> = { key: string; group: string; rows: Row[] } | { key: string; row: Row };

/** Groups in their order of names, each with its rows below unless it is folded; then what belongs to none. */
export function groupedLines<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  groupOf: (row: Row) => string,
  folded: ReadonlySet<string>,
): ListLine<Row>[] {
  const groups = Map.groupBy(rows, groupOf);
  const names = [...groups.keys()].filter(Boolean).sort(compareTexts);
  const lines = (group: string): ListLine<Row>[] => (groups.get(group) ?? []).map(row => ({ key: keyOf(row), row }));
  return [
    ...names.flatMap(group => [
      { key: `group ${group}`, group, rows: groups.get(group) ?? [] },
      ...(folded.has(group) ? [] : lines(group)),
    ]),
    ...lines(''),
  ];
}

/** The same set with `key`, or without it where it was there. */
export function toggled(set: ReadonlySet<string>, key: string): Set<string> {
  const now = new Set(set);
  if (!now.delete(key)) now.add(key);
  return now;
}

/** Columns in the order that was chosen: those that `order` names take one another's places, all others keep their own. */
export function inOrder<Column extends { key: string }>(
  columns: readonly Column[],
  order: readonly string[],
): Column[] {
  const named = order.flatMap(key => columns.find(column => column.key === key) ?? []);
  const places = new Set(named);
  const next = named.values();
  return columns.map(column => (places.has(column) ? (next.next().value ?? column) : column));
}

/** The same keys with `key` at `place`. */
export const movedTo = (keys: readonly string[], key: string, place: number): string[] =>
  keys.filter(each => each !== key).toSpliced(Math.max(0, place), 0, key);
