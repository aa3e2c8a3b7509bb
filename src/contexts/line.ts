import type { Readable, Writable } from 'node:stream';
import { getSystemErrorMessage } from 'node:util';

/** A connection to an engine that is elsewhere, from its first attempt on. It keeps no program from ending. */
export interface Line {
  /** To the engine. */
  input: Writable;
  /** From it; it closes however the line ends. */
  output: Readable;
  /** Why the line ended, once `output` has closed without a word; empty when nobody knows. */
  reason(): Promise<string> | string;
  close(): void;
}

/** Begins a line when there is room for one more. @throws the signal's reason, when it fires before that */
export type Dial = (gone: AbortSignal) => Promise<Line>;

/** What went wrong with a socket, in words instead of codes. */
export function wordsOf(error: unknown): string {
  const cause = error instanceof AggregateError ? error.errors[0] : error; // of all addresses of a name, the first
  const { errno, reason, message } = cause as { errno?: number; reason?: string; message?: string };
  if (errno !== undefined) return getSystemErrorMessage(errno);
  return reason ?? message ?? String(cause); // OpenSSL's reason, without its file and line
}
