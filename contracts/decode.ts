import { type EngineError, internal, invalidArgument } from './errors.ts';

/**
 * Tolerant decoders for what Docker clients send: null means absent, keys are compared without regard to case
 * (as Go's encoding/json does), and unknown keys are dropped. `at` names the value in the error.
 */
export interface Decoder<T> {
  (value: unknown, at: string): T;
  /** The type that Go has for it, as an error names it. */
  readonly goType?: string;
}

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
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : `number ${value}`;
  return typeof value === 'boolean' ? 'bool' : typeof value;
};

/** In the words of Go's encoding/json, which people search for. */
function mismatch(value: unknown, at: string, wanted: string): Error {
  const place = at === '' ? 'Go value' : /\.\d+$/.test(at) ? at : `Go struct field ${at}`;
  return invalidArgument(`invalid JSON: json: cannot unmarshal ${jsonKind(value)} into ${place} of type ${wanted}`);
}

const named = <T>(goType: string, decode: (value: unknown, at: string) => T): Decoder<T> =>
  Object.assign(decode, { goType });

const typeOf = (decoder: Decoder<unknown>): string => decoder.goType ?? 'struct';

/** A string. */
export const text: Decoder<string> = named('string', (value, at) => {
  if (typeof value !== 'string') throw mismatch(value, at, 'string');
  return value;
});

/** A boolean. */
export const flag: Decoder<boolean> = named('bool', (value, at) => {
  if (typeof value !== 'boolean') throw mismatch(value, at, 'bool');
  return value;
});

const wholeNumber = (goType: string): Decoder<number> =>
  named(goType, (value, at) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(value, at, goType);
    return value;
  });

/** A whole number. Some clients send numbers as strings; Go refuses those, and so do we. */
export const integer = wholeNumber('int64');

/** A whole number where Go has its `int`: only an error's words differ. */
export const count = wholeNumber('int');

/** Go's `struct{}`: only its presence counts. */
export const emptyObject: Decoder<Record<string, never>> = named('struct {}', (value, at) => {
  if (!isRecord(value)) throw mismatch(value, at, 'struct {}');
  return {};
});

/** An array; null entries are dropped. */
export const list = <T>(item: Decoder<T>): Decoder<T[]> => {
  const goType = `[]${typeOf(item)}`;
  return named(goType, (value, at) => {
    if (!Array.isArray(value)) throw mismatch(value, at, goType);
    return value.flatMap((entry, index) => (entry === null ? [] : [item(entry, `${at}.${index}`)]));
  });
};

const wordList = list(text);

/** A word or a list of words, as `Cmd` and `Entrypoint` may be given (Go: strslice, which loses where it is). */
export const words: Decoder<string[]> = named('[]string', (value, at) => {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) throw mismatch(value, '', 'string');
  return wordList(value, at);
});

/** An object with free keys; a null value becomes `whenNull`, or is dropped when that is undefined. */
export const map = <T>(item: Decoder<T>, whenNull?: T): Decoder<Record<string, T>> => {
  const goType = `map[string]${typeOf(item)}`;
  return named(goType, (value, at) => {
    if (!isRecord(value)) throw mismatch(value, at, goType);
    const entries: [string, T][] = [];
    for (const [key, given] of Object.entries(value)) {
      if (given !== null) entries.push([key, item(given, `${at}.${key.replaceAll('/', '~1')}`)]);
      else if (whenNull !== undefined) entries.push([key, whenNull]);
    }
    return Object.fromEntries(entries);
  });
};

/** An object with known keys, each of which may be absent. `goType` is Docker's name for it, without its package at the root. */
export function fields<S extends Shape>(shape: S, goType?: string): Decoder<Fields<S>> {
  const names = new Map(Object.keys(shape).map(name => [name.toLowerCase(), name]));
  const root = goType?.split('.').at(-1) ?? '';
  const decoder = (value: unknown, at: string): Fields<S> => {
    if (!isRecord(value)) throw mismatch(value, at, goType ?? 'struct');
    const result: Record<string, unknown> = {};
    for (const [key, given] of Object.entries(value)) {
      const name = names.get(key.toLowerCase());
      const decode = name === undefined ? undefined : shape[name];
      if (given === null || name === undefined || decode === undefined) continue;
      result[name] = decode(given, `${at || root}.${name}`);
    }
    return result as Fields<S>;
  };
  return goType === undefined ? decoder : named(goType, decoder);
}

/** Both documents in one object (Go: embedded structs); `root` is where errors say that they are when it is the whole body. */
export const both = <A extends object, B extends object>(
  left: Decoder<A>,
  right: Decoder<B>,
  goType = 'struct',
  root = '',
): Decoder<A & B> =>
  named(goType, (value, at) => {
    if (!isRecord(value)) throw mismatch(value, at, goType);
    return { ...left(value, at || root), ...right(value, at || root) };
  });

/** Any JSON value, left as it is. */
export const anything: Decoder<unknown> = value => value;

const falseWords = new Set(['', '0', 'no', 'false', 'none']);

/** A parameter as text; absent and empty are one (`?name=`). */
export const optionalText: QueryDecoder<string | undefined> = given => given || undefined;

/** Where in a container's file system; it must be there. @throws invalid-argument in Docker's words, slip included */
export const archivePath: QueryDecoder<string> = (given, name) => {
  if (!given) throw invalidArgument(`bad parameter: ${name}cannot be empty`);
  return given;
};

/** What Go takes for a size: 32 bits. */
const mostOfWord = 2 ** 32 - 1;

/** The `height` or the `width` of a terminal; it must be there. @throws invalid-argument in Docker's words */
export const sizeInteger =
  (what: string): QueryDecoder<number> =>
  (given = '') => {
    const fails = (why: string): EngineError =>
      invalidArgument(`invalid resize ${what} ${JSON.stringify(given)}: ${why}`);
    if (!/^[+-]?\d+$/.test(given)) throw fails('invalid syntax');
    const value = Number(given);
    if (value < 0 || value > mostOfWord) throw fails('value out of range');
    return value;
  };

/** A parameter that may be given several times. */
export const repeated: QueryDecoder<readonly string[]> = (_given, _name, all) => all.filter(value => value !== '');

/** All values of a parameter, also those that say nothing. */
export const everyValue: QueryDecoder<readonly string[]> = (_given, _name, all) => all;

/** True unless absent or one of Docker's words for no. */
export const boolean: QueryDecoder<boolean> = given =>
  given !== undefined && !falseWords.has(given.trim().toLowerCase());

/** What Go's strconv.ParseBool takes; absent or empty is undefined. @throws invalid-argument in Docker's words */
export const optionalBoolean: QueryDecoder<boolean | undefined> = (given, name) => {
  if (!given) return undefined;
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(given)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(given)) return false;
  throw invalidArgument(`invalid value for ${name}: ${given}`);
};

/** Like {@link boolean}, but absent means `fallback`. */
export const booleanOr =
  (fallback: boolean): QueryDecoder<boolean> =>
  (given, name, all) =>
    given === undefined || given === '' ? fallback : boolean(given, name, all);

/**
 * A whole number; absent or empty is undefined. What is none is a 500 with Go's words in dockerd, which passes the error
 * of its parser on, and so it is here. @throws internal
 */
export const optionalInteger: QueryDecoder<number | undefined> = given => {
  if (given === undefined || given === '') return undefined;
  if (!/^[+-]?\d+$/.test(given)) throw internal(`strconv.Atoi: parsing ${JSON.stringify(given)}: invalid syntax`);
  return Number(given);
};

/** As far as a Date reaches, in milliseconds from 1970. */
const farthestMs = 8.64e15;

/**
 * Seconds since 1970, perhaps with a point and nanoseconds, as clients send `since` and `until` whatever they were told;
 * absent, empty or 0 is undefined. What is none is a 500 with Go's words in dockerd. @throws internal
 */
export const timestamp: QueryDecoder<Date | undefined> = given => {
  if (given === undefined || given === '') return undefined;
  const [seconds = '', fraction] = splitOnce(given, '.');
  const whole = parseInt64(seconds);
  const nanoseconds = fraction === undefined ? 0 : parseInt64(fraction) * 10 ** (9 - fraction.length);
  if (whole === 0 && nanoseconds === 0) return undefined;
  const ms = whole * 1000 + nanoseconds / 1e6;
  return new Date(Math.min(Math.max(ms, -farthestMs), farthestMs));
};

function splitOnce(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Go's strconv.ParseInt(text, 10, 64). @throws internal in its words */
function parseInt64(text: string): number {
  const fails = (why: string): EngineError => internal(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw fails('invalid syntax');
  const value = BigInt(text.replace('+', ''));
  if (value !== BigInt.asIntN(64, value)) throw fails('value out of range');
  return Number(value);
}

/** What `--filter` collects: a name and the values that may match. */
export type Filters = Record<string, string[]>;

/** `{"label":["a"]}`, or `{"label":{"a":true}}` as Go's filters.Args sends it; there the value is not looked at, as in Docker. */
export const filters: QueryDecoder<Filters> = given => {
  if (!given) return {};
  const document = parseJson(given);
  if (!isRecord(document)) throw invalidArgument('invalid filter');
  return Object.fromEntries(Object.entries(document).map(([name, values]) => [name, filterValues(values)]));
};

function filterValues(values: unknown): string[] {
  if (Array.isArray(values) && values.every(value => typeof value === 'string')) return values;
  if (isRecord(values)) return Object.keys(values);
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
