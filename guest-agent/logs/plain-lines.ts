import { isAscii } from 'node:buffer';
import { ENTRY_BYTES } from './entries.ts';
import type { StreamName } from './json-line.ts';

/**
 * Most of what containers say is lines of plain ASCII. A whole block of them becomes log lines, or comes back, by a
 * few searches over it all, which is ten times as fast as line by line; whatever is not plain goes that other way.
 */

// What Go's writer of JSON escapes and JSON.stringify does not, and what would look like an escape.
const unplain = Array.from('<>&\\', character => character.charCodeAt(0));
const lineFeed = 0x0a;
const escapedLineFeeds = /\\n/g;
const inReplacement = /\$/g;

/**
 * Whole lines as a json-file log has them, when each is an entry of its own and has nothing in it to be escaped; `end` is
 * what follows each text.
 */
export function toJsonLines(lines: Buffer, end: string): string | undefined {
  if (!isAscii(lines) || unplain.some(byte => lines.includes(byte)) || hasLongLine(lines)) return undefined;
  const text = lines.toString('latin1');
  const quoted = JSON.stringify(text);
  const between = `\\n"${end}{"log":"`;
  const json = quoted.slice(1, -3).replace(escapedLineFeeds, between.replace(inReplacement, '$$$$'));
  const lineFeeds = (json.length - (quoted.length - 4)) / (between.length - 2);
  // One character more for each line feed, the last one included: so nothing else was escaped.
  if (quoted.length - 2 !== text.length + lineFeeds + 1) return undefined;
  return `{"log":"${json}\\n"${end}`;
}

function hasLongLine(lines: Buffer): boolean {
  for (let start = 0; start < lines.length; ) {
    const end = lines.lastIndexOf(lineFeed, start + ENTRY_BYTES);
    if (end < start) return true;
    start = end + 1;
  }
  return false;
}

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
