import type { StreamName } from './json-line.ts';
import type { LogSubject } from './log-tag.ts';

/** One entry as a driver gets it. */
export interface LoggedLine {
  stream: StreamName;
  /** Without its line end. */
  line: Buffer;
  /** Nanoseconds since 1970. */
  time: bigint;
  /** Part of a line that was too long, or that had no end. */
  partial?: { id: string; ordinal: number; last: boolean };
}

/** Where log lines go besides the engine's own file. */
export interface LogDriver {
  /** A promise when the far end is slow: the container waits for it, as Docker lets it. Never rejects. */
  write(line: LoggedLine): Promise<void> | undefined;
  /** What was taken is sent as far as that is possible soon. */
  close(): Promise<void>;
}

/** All that a driver is made of. */
export interface DriverRequest {
  options: Readonly<Record<string, string>>;
  subject: LogSubject;
  /** The labels and variables that are to be told with each line. */
  attributes: Readonly<Record<string, string>>;
  /** The far end need not be there yet: the container runs already. */
  patient: boolean;
  /** Lines that could not be sent. */
  lost(error: unknown): void;
}

/** A driver's part of the table in remote-drivers.ts. */
export interface DriverKind {
  /** @throws invalid-argument in Docker's words, for what can be seen without looking outside */
  check(options: Readonly<Record<string, string>>): void;
  /** @throws Error in Docker's words when the far end cannot be reached */
  open(request: DriverRequest): Promise<LogDriver>;
}

/** @throws invalid-argument for the first option that is none of `known` */
export function unknownOption(options: Readonly<Record<string, string>>, known: readonly string[]): string | undefined {
  return Object.keys(options).find(name => !known.includes(name));
}
