import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { writeJsonFileSync } from './json-file.ts';

/** Then the file is written anew with one line. */
const mostBytes = 64 << 10;

/**
 * A document that changes often, as a file of lines: each is the whole document, and the last whole line counts. A change
 * is one append, and one sync when it must survive a power cut, where a file put in place of the old one takes two and
 * a rename. Only the last line can be torn; a line begins with its line feed, so that it is not spoilt by a torn one.
 *
 * @param durable false: on the disk when the kernel likes
 */
export function appendDocument(path: string, value: unknown, durable: boolean): void {
  appendFileSync(path, `\n${JSON.stringify(value)}`, { mode: 0o600, flush: durable });
  if (statSync(path).size > mostBytes) writeJsonFileSync(path, value);
}

/** The document at `path`, or undefined when there is none. @throws SyntaxError when no line is whole */
export function readLastDocument(path: string): unknown {
  let torn: unknown;
  for (const line of linesOf(path).toReversed()) {
    try {
      return JSON.parse(line);
    } catch (error) {
      torn = error;
    }
  }
  if (torn) throw torn;
  return undefined;
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
