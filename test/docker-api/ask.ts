import { request } from 'node:http';
import { succeed } from '../support/command.ts';

/**
 * One HTTP request: `POST /containers/create?name=x`, with `/v1.51` before its path unless it names a version. `{id}` is
 * the `Id` of an earlier answer, `{start}` when the inquiry began, and `{now}` this moment, in seconds.
 */
export interface Ask {
  ask: string;
  /** Sent as JSON; text is sent as it is. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** What differs from run to run in this answer, replaced before it is compared. */
  hide?: readonly RegExp[];
  /** Of each document in the list, only these keys are compared. */
  only?: readonly string[];
  /** These keys, of the document or of each in the list, are not compared. */
  drop?: readonly string[];
  /** Compares the kinds of the values, not the values: for documents about the host. */
  shape?: true;
  /** Only the status is compared: the body is a slip of dockerd's, or its text is not JSON. */
  statusOnly?: true;
  /** A list whose order dockerd leaves to chance. */
  unordered?: true;
  /** These headers are compared, too. */
  showHeaders?: readonly string[];
}

/** Requests that build on each other. Each starts with the image `busybox:latest` and nothing else. */
export interface Inquiry {
  name: string;
  asks: readonly Ask[];
}

/** What an engine answered, with what is never the same twice taken out. */
export interface Reply {
  ask: string;
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

const volatile: readonly [RegExp, string][] = [
  [/\b[0-9a-f]{64}\b/g, '<id>'],
  [/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b[0-9a-f]{12}\b/g, '<short id>'],
];

interface Raw {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

/** Sends one request on a unix socket and reads the answer to its end. */
export function send(socketPath: string, ask: Ask): Promise<Raw> {
  const [method = 'GET', path = '/'] = ask.ask.split(' ');
  const given = ask.body === undefined ? undefined : typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body);
  const headers = { ...(given === undefined ? {} : { 'content-type': 'application/json' }), ...ask.headers };
  const whole = path.startsWith('/v1.') || path.startsWith('/_') ? path : `/v1.51${path}`;
  return new Promise((resolve, reject) => {
    const question = request({ socketPath, method, path: whole, headers, agent: false }, answer => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    question.setTimeout(60_000, () => question.destroy(new Error(`no answer: ${ask.ask}`)));
    question.on('error', reject);
    question.end(given);
  });
}

const settled = (text: string, hide: readonly RegExp[]): string =>
  volatile.reduce(
    (kept, [pattern, word]) => kept.replace(pattern, word),
    hide.reduce((kept, pattern) => kept.replace(pattern, '<hidden>'), text),
  );

/** JSON with its keys in order; a stream of documents becomes their list. */
function parsed(text: string): unknown {
  try {
    return ordered(JSON.parse(text));
  } catch {
    const lines = text.split(/\r?\n/).filter(Boolean);
    if (lines.length > 1 && lines.every(line => line.startsWith('{'))) return lines.map(line => parsed(line));
    return text;
  }
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const sorted = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, inner]) => [key, ordered(inner)]));
}

/** The kinds of a document's values; of a list that of its first entry. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length > 0 ? [shapeOf(value[0])] : [];
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

const pick = (document: Record<string, unknown>, keys: readonly string[]): unknown[] => keys.map(key => document[key]);

function without(document: unknown, keys: readonly string[]): unknown {
  if (keys.length === 0 || typeof document !== 'object' || document === null) return document;
  if (Array.isArray(document)) return document.map(entry => without(entry, keys));
  return Object.fromEntries(Object.entries(document).filter(([key]) => !keys.includes(key)));
}

function bodyOf(ask: Ask, document: unknown): unknown {
  if (ask.statusOnly) return undefined;
  if (ask.shape) return shapeOf(document);
  if (!Array.isArray(document)) return document;
  const { only } = ask;
  const entries: unknown[] = only ? document.map(entry => pick(entry, only)) : document;
  return ask.unordered ? entries.map(entry => JSON.stringify(entry)).sort() : entries;
}

function replyOf(ask: Ask, { status, headers, text }: Raw): Reply {
  const document = without(parsed(settled(text, ask.hide ?? [])), ask.drop ?? []);
  const shown = (ask.showHeaders ?? []).map(name => [name, settled(String(headers[name] ?? ''), ask.hide ?? [])]);
  return {
    ask: ask.body === undefined ? ask.ask : `${ask.ask} ${JSON.stringify(ask.body)}`,
    status,
    ...(shown.length > 0 ? { headers: Object.fromEntries(shown) } : {}),
    body: bodyOf(ask, document),
  };
}

/** `later` in milliseconds: what has just happened is not after this moment, whatever the clock's grain. */
const seconds = (later: number): string => ((Date.now() + later) / 1000).toFixed(3);

const filled = (text: string, words: Readonly<Record<string, string>>): string =>
  Object.entries(words).reduce((kept, [word, meaning]) => kept.replaceAll(word, meaning), text);

/** Puts every request of an inquiry to an engine, and cleans up behind it. */
export async function inquire(inquiry: Inquiry, socket: string, archive: string): Promise<Reply[]> {
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CLI_HINTS: 'false' };
  await succeed('docker', ['load', '--quiet', '--input', archive], { env });
  const replies: Reply[] = [];
  try {
    const words = { '{start}': seconds(0), '{id}': '' };
    for (const ask of inquiry.asks) {
      const raw = await send(socket, { ...ask, ask: filled(ask.ask, { ...words, '{now}': seconds(2) }) });
      words['{id}'] = /"Id":"(\w{64})"/.exec(raw.text)?.[1] ?? words['{id}'];
      replies.push(replyOf(ask, raw));
    }
  } finally {
    const left = (await succeed('docker', ['ps', '-aq'], { env })).split('\n').filter(Boolean);
    if (left.length > 0) await succeed('docker', ['rm', '-f', '-v', ...left], { env });
    await succeed('docker', ['network', 'prune', '-f'], { env });
    await succeed('docker', ['volume', 'prune', '-f', '-a'], { env });
    await succeed('docker', ['image', 'prune', '-f', '-a'], { env });
  }
  return replies;
}

/** Replies as one reads them in a difference. */
export const repliesText = (replies: readonly Reply[]): string =>
  replies
    .map(({ ask, status, headers, body }) =>
      [`> ${ask}`, `${status}${headers ? ` ${JSON.stringify(headers)}` : ''}`, JSON.stringify(body, undefined, 1)].join(
        '\n',
      ),
    )
    .join('\n\n');
