import { invalidArgument } from './errors.ts';

/**
 * Tolerant decoders for what Docker clients send: null means absent, keys are compared without regard to case
 * (as Go's encoding/json does), and unknown keys are dropped. `at` names the value in the error.
 */
export type Decoder<T> = (value: unknown, at: string) => T;

/** The type that a decoder yields. */
export type Decoded<D> = D extends Decoder<infer T> ? T : never;

/** A decoder of one query parameter; `undefined` when the client did not send it. */
export type QueryDecoder<T> = (given: string | undefined, name: string, all: readonly string[]) => T;

type Shape = Record<string, Decoder<unknown>>;

/** A document all of whose fields may be absent, as in Go. */
export type Fields<S extends Shape> = { [Key in keyof S]?: Decoded<S[Key]> };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const jsonKind = (value: unknown): string => {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
};

const mismatch = (value: unknown, at: string, wanted: string): Error =>
  invalidArgument(
    `invalid JSON: json: cannot unmarshal ${jsonKind(value)} into Go struct field ${at} of type ${wanted}`,
  );

/** A string. */
export const text: Decoder<string> = (value, at) => {
  if (typeof value !== 'string') throw mismatch(value, at, 'string');
  return value;
};

/** A boolean. */
export const flag: Decoder<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw mismatch(value, at, 'bool');
  return value;
};

/** A whole number. Some clients send numbers as strings; Go refuses those, and so do we. */
export const integer: Decoder<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(value, at, 'int64');
  return value;
};

/** Go's `struct{}`: only its presence counts. */
export const emptyObject: Decoder<Record<string, never>> = (value, at) => {
  if (!isRecord(value)) throw mismatch(value, at, 'struct {}');
  return {};
};

/** An array; null entries are dropped. */
export const list =
  <T>(item: Decoder<T>): Decoder<T[]> =>
  (value, at) => {
    if (!Array.isArray(value)) throw mismatch(value, at, '[]');
    return value.filter(entry => entry !== null).map(entry => item(entry, at));
  };

/** A word or a list of words, as `Cmd` and `Entrypoint` may be given (Go: strslice). */
export const words: Decoder<string[]> = (value, at) => (typeof value === 'string' ? [value] : list(text)(value, at));

/** An object with free keys; a null value becomes `whenNull`, or is dropped when that is undefined. */
export const map =
  <T>(item: Decoder<T>, whenNull?: T): Decoder<Record<string, T>> =>
  (value, at) => {
    if (!isRecord(value)) throw mismatch(value, at, 'map');
    const entries: [string, T][] = [];
    for (const [key, given] of Object.entries(value)) {
      if (given !== null) entries.push([key, item(given, `${at}.${key}`)]);
      else if (whenNull !== undefined) entries.push([key, whenNull]);
    }
    return Object.fromEntries(entries);
  };

/** An object with known keys, each of which may be absent. */
export function fields<S extends Shape>(shape: S): Decoder<Fields<S>> {
  const names = new Map(Object.keys(shape).map(name => [name.toLowerCase(), name]));
  return (value, at) => {
    if (!isRecord(value)) throw mismatch(value, at, 'struct');
    const result: Record<string, unknown> = {};
    for (const [key, given] of Object.entries(value)) {
      const name = names.get(key.toLowerCase());
      const decode = name === undefined ? undefined : shape[name];
      if (given === null || name === undefined || decode === undefined) continue;
      result[name] = decode(given, at === '' ? name : `${at}.${name}`);
    }
    return result as Fields<S>;
  };
}

/** Both documents in one object (Go: embedded structs). */
export const both =
  <A extends object, B extends object>(left: Decoder<A>, right: Decoder<B>): Decoder<A & B> =>
  (value, at) => ({ ...left(value, at), ...right(value, at) });

/** Any JSON value, left as it is. */
export const anything: Decoder<unknown> = value => value;

const falseWords = new Set(['', '0', 'no', 'false', 'none']);

/** A parameter as text; absent and empty are one (`?name=`). */
export const optionalText: QueryDecoder<string | undefined> = given => given || undefined;

/** A parameter as text that must be there. */
export const requiredText: QueryDecoder<string> = (given, name) => {
  if (!given) throw invalidArgument(`missing parameter: ${name}`);
  return given;
};

/** A parameter that may be given several times. */
export const repeated: QueryDecoder<readonly string[]> = (_given, _name, all) => all.filter(value => value !== '');

/** True unless absent or one of Docker's words for no. */
export const boolean: QueryDecoder<boolean> = given =>
  given !== undefined && !falseWords.has(given.trim().toLowerCase());

/** Like {@link boolean}, but absent means `fallback`. */
export const booleanOr =
  (fallback: boolean): QueryDecoder<boolean> =>
  (given, name, all) =>
    given === undefined || given === '' ? fallback : boolean(given, name, all);

/** A whole number; absent or empty is undefined. @throws invalid-argument in the words of Go's strconv. */
export const optionalInteger: QueryDecoder<number | undefined> = given => {
  if (given === undefined || given === '') return undefined;
  if (!/^[+-]?\d+$/.test(given)) {
    throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(given)}: invalid syntax`);
  }
  return Number(given);
};

/** Seconds since 1970 with a fraction, as clients send `since` and `until`; RFC 3339 is taken as well. 0 is absent. */
export const timestamp: QueryDecoder<Date | undefined> = (given, name) => {
  if (given === undefined || given === '' || given === '0') return undefined;
  const date = /^-?\d+(\.\d*)?$/.test(given) ? new Date(Number(given) * 1000) : new Date(given);
  if (Number.isNaN(date.getTime())) throw invalidArgument(`invalid value for ${name}: ${JSON.stringify(given)}`);
  return date;
};

/** What `--filter` collects: a name and the values that may match. */
export type Filters = Record<string, string[]>;

/** `{"label":["a"]}`, or `{"label":{"a":true}}` as clients before API 1.22 and Go's filters.Args send it. */
export const filters: QueryDecoder<Filters> = given => {
  if (!given) return {};
  const document = parseJson(given);
  if (!isRecord(document)) throw invalidArgument('invalid filter');
  return Object.fromEntries(Object.entries(document).map(([name, values]) => [name, filterValues(values)]));
};

function filterValues(values: unknown): string[] {
  if (Array.isArray(values) && values.every(value => typeof value === 'string')) return values;
  if (isRecord(values)) return Object.keys(values).filter(value => values[value] === true);
  if (values === null) return [];
  throw invalidArgument('invalid filter');
}

function parseJson(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch (cause) {
    throw invalidArgument('invalid filter', { cause });
  }
}
