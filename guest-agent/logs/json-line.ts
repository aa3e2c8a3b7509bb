export type StreamName = 'stdout' | 'stderr';

/** One line of a json-file log, as parsed. */
export interface LoggedEntry {
  stream: StreamName;
  log: string;
  /** RFC 3339 with up to nine digits of a second, in UTC. */
  time: string;
  attrs?: Record<string, string>;
}

// What Go's JSON writer escapes and JSON.stringify does not, or not so. See encoding/json and Docker's jsonlog.
const special = /[<>&\b\f\u2028\u2029]/g;
const escapes: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** JSON as Go's writer has it. */
export const goJson = (value: unknown): string =>
  JSON.stringify(value).replace(special, character => escapes[character] ?? character);

/** What comes after the text in each line written at this time. */
export function lineEnd(stream: StreamName, time: string, attributes: Record<string, string> | undefined): string {
  const named = attributes && Object.keys(attributes).length > 0;
  const attrs = named ? `,"attrs":${goJson(attributes)}` : '';
  return `,"stream":"${stream}"${attrs},"time":"${time}"}\n`;
}

/** A line in Docker's json-file format; bytes that are not UTF-8 become U+FFFD, as there. */
export const toJsonLine = (data: Buffer, end: string): string => `{"log":${goJson(data.toString('utf8'))}${end}`;

const START = '{"log":"';
const STREAM = '","stream":"std';
const TIME = '","time":"';

/** The usual line taken apart by its shape, four times as fast as JSON.parse: no escape but the last `\n`, no attributes. */
function parseUsualLine(line: string): LoggedEntry | undefined {
  const at = line.lastIndexOf(STREAM);
  const textEnd = line.startsWith('\\n', at - 2) ? at - 2 : at;
  const timeAt = at + STREAM.length + 3;
  const escaped = line.indexOf('\\');
  const usual = at > 0 && line.startsWith(START) && (escaped === -1 || escaped >= textEnd);
  if (!usual || !line.startsWith(TIME, timeAt) || !line.endsWith('Z"}')) return undefined;
  const text = line.slice(START.length, textEnd);
  return {
    stream: line.startsWith('out', at + STREAM.length) ? 'stdout' : 'stderr',
    log: textEnd < at ? `${text}\n` : text,
    time: line.slice(timeAt + TIME.length, -2),
  };
}

/** A line that was read; undefined if it is none (a torn one, or another program's). */
export function parseJsonLine(line: string): LoggedEntry | undefined {
  const usual = parseUsualLine(line);
  if (usual) return usual;
  try {
    const entry: LoggedEntry = JSON.parse(line);
    return typeof entry.log === 'string' && typeof entry.time === 'string' ? entry : undefined;
  } catch {
    return undefined;
  }
}

const NS_PER_MS = 1_000_000n;
let anchor = wallClock() - process.hrtime.bigint();
function wallClock(): bigint {
  return BigInt(Date.now()) * NS_PER_MS;
}

/** Now, in nanoseconds since 1970: the wall clock, made finer by the monotonic one. */
export function nowNs(): bigint {
  const wall = wallClock();
  const fine = anchor + process.hrtime.bigint();
  if (fine >= wall && fine < wall + 2n * NS_PER_MS) return fine;
  anchor += wall - fine;
  return wall;
}

/** `2026-01-02T03:04:05.123456789Z`, without zeros at its end: Go's RFC3339Nano. */
export function toRfc3339Nano(ns: bigint): string {
  const seconds = new Date(Number(ns / NS_PER_MS)).toISOString().slice(0, 19);
  const fraction = String(ns % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return fraction ? `${seconds}.${fraction}Z` : `${seconds}Z`;
}
