import { appendFileSync, closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { writeJsonFileSync } from './json-file.ts';

/** Then the file is written anew with one line. */
const mostBytes = 64 << 10;

/**
 * A document that changes often, as a file of lines: each is the whole document, and the last whole line counts. A change
 * is one append. Only the last line can be torn; a line begins with its line feed, so that it is not spoilt by a torn one.
 * It is on the disk when the kernel likes.
 *
 * @throws what kept it from being written
 */
export function appendDocument(path: string, value: unknown): void {
  const file = openSync(path, 'a', 0o600);
  try {
    appendFileSync(file, `\n${JSON.stringify(value)}`);
    if (fstatSync(file).size > mostBytes) writeJsonFileSync(path, value);
  } finally {
    closeSync(file);
  }
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
