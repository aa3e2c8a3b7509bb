const messages = ['msg', 'message', 'text', 'event'];
const levels = ['level', 'severity', 'lvl'];
const times = ['time', 'ts', 'timestamp', '@timestamp'];

/** A line of JSON as `LEVEL message key=value …`; undefined for every other line. */
export function jsonLine(text: string): string | undefined {
  if (!text.startsWith('{')) return undefined;
  let document: Record<string, unknown>;
  try {
    document = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const take = (names: readonly string[]): string => {
    const name = names.find(each => typeof document[each] === 'string' || typeof document[each] === 'number');
    return name === undefined ? '' : String(document[name]);
  };
  const known = [...messages, ...levels, ...times];
  const fields = Object.entries(document)
    .filter(([key]) => !known.includes(key))
    .map(([key, value]) => `\x1b[2m${key}=\x1b[22m${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const level = take(levels).toUpperCase();
  return [level === '' ? '' : level.padEnd(5), `\x1b[1m${take(messages)}\x1b[22m`, ...fields].filter(Boolean).join(' ');
}

interface Waiting {
  line: Uint8Array;
  source: number;
}

const decoder = new TextDecoder();
/** As long as the time that the engine writes before a line: what is compared. */
const stampLength = 30;

/** Several logs as one, in the order of the times before their lines. Lines of one log keep their order. */
export class LogMerge {
  readonly #logs: Waiting[][];

  constructor(count: number) {
    this.#logs = Array.from({ length: count }, () => []);
  }

  push(log: number, line: Uint8Array, source: number): void {
    // the bytes are a view of what the connection will use again
    this.#logs[log]?.push({ line: line.slice(), source });
  }

  /** Gives out all that came, the oldest first. */
  drain(take: (line: Uint8Array, source: number) => void): void {
    const all = this.#logs.flatMap(lines =>
      lines.map(each => ({ ...each, at: decoder.decode(each.line.subarray(0, stampLength)) })),
    );
    // a stable sort: lines of one moment stay as they came
    all.sort((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0));
    for (const { line, source } of all) take(line, source);
    for (const lines of this.#logs) lines.length = 0;
  }
}
