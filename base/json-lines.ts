import { appendFileSync, closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { writeJsonFileSync } from './json-file.ts';
import { syncAndClose } from './sync.ts';

/** Then the file is written anew with one line. */
const mostBytes = 64 << 10;

/**
 * A document that changes often, as a file of lines: each is the whole document, and the last whole line counts. A change
 * is one append, and one sync when it must survive a power cut, where a file put in place of the old one takes two and
 * a rename. Only the last line can be torn; a line begins with its line feed, so that it is not spoilt by a torn one.
 *
 * It is written when this returns, and it is on the disk when the promise resolves: with `durable` once it survives a power
 * cut, else at once, and on the disk when the kernel likes.
 *
 * @throws what kept it from being written
 */
export function appendDocument(path: string, value: unknown, durable: boolean): Promise<void> {
  const file = openDocument(path, value);
  let syncs = false;
  try {
    const isLong = fstatSync(file).size > mostBytes;
    if (isLong) writeJsonFileSync(path, value);
    syncs = durable && !isLong;
  } finally {
    if (!syncs) closeSync(file);
  }
  return syncs ? syncAndClose(file) : Promise.resolve();
}

/** Appends `value`, and gives the file to be synced and closed. @throws what kept it from being written */
export function openDocument(path: string, value: unknown): number {
  const file = openSync(path, 'a', 0o600);
  try {
    appendFileSync(file, `\n${JSON.stringify(value)}`);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
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
