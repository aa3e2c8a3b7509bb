/** What a table or a document has by a name from outside; `constructor` and its kind are no part of any. */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
