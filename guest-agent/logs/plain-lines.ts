import { ENTRY_BYTES } from './entries.ts';
import type { StreamName } from './json-line.ts';

/**
 * Most of what containers say is lines of plain ASCII. A whole block of them becomes log lines, or comes back, by a
 * few searches over it all, which is ten times as fast as line by line; whatever is not plain goes that other way.
 */

// What is not ASCII, or JSON, or Go's writer of it, escapes; line feeds, which end the lines, apart.
const unplain = /[^\n\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\x5b\x5d-\x7f]/;

/** Whole lines as text, when each is an entry of its own and is written in JSON as it is. */
export function plainLines(lines: Buffer): string | undefined {
  const text = lines.toString('latin1');
  return unplain.test(text) || hasLongLine(text) ? undefined : text;
}

function hasLongLine(text: string): boolean {
  for (let start = 0; start < text.length; ) {
    const end = text.lastIndexOf('\n', start + ENTRY_BYTES);
    if (end < start) return true;
    start = end + 1;
  }
  return false;
}

/** {@link plainLines} as a json-file log has them; `end` is what follows each text. */
export const toJsonLines = (text: string, end: string): string =>
  `{"log":"${text.slice(0, -1).replaceAll('\n', `\\n"${end}{"log":"`)}\\n"${end}`;

const start = '{"log":"';
const betweenLines = {
  stdout: /\\n","stream":"stdout","time":"[\dT:.-]+Z"\}\n\{"log":"/g,
  stderr: /\\n","stream":"stderr","time":"[\dT:.-]+Z"\}\n\{"log":"/g,
};
const lastEnd = /\\n","stream":"(stdout|stderr)","time":"([\dT:.-]+Z)"\}$/;

/**
 * The other way: the bytes of a block of log lines (without its last line feed) that are all of one stream and plain.
 * Undefined when they are not. `time` is the last one's.
 */
export function fromJsonLines(block: Buffer): { stream: StreamName; data: Buffer; time: string } | undefined {
  const json = block.toString('latin1'); // bytes as they are: what is UTF-8 stays it
  const last = lastEnd.exec(json.slice(-120));
  const stream = last?.[1] as StreamName | undefined;
  if (!last || !stream || !json.startsWith(start)) return undefined;
  const text = json.slice(start.length, json.length - last[0].length).replace(betweenLines[stream], '\n');
  if (text.includes('"') || text.includes('\\')) return undefined;
  return { stream, data: Buffer.from(`${text}\n`, 'latin1'), time: last[2] ?? '' };
}
