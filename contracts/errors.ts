/** What went wrong, in the few words that every program of Berth understands; only the API knows HTTP statuses. */
export type ErrorKind =
  | 'invalid-argument'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'not-modified'
  | 'not-implemented'
  | 'unavailable'
  | 'cancelled'
  | 'internal';

/** The one error class that crosses rooms and processes: a kind to act on, a message to show. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** An error as it travels between processes. */
export interface WireError {
  kind: ErrorKind;
  message: string;
}

const maker =
  (kind: ErrorKind) =>
  (message: string, options?: ErrorOptions): EngineError =>
    new EngineError(kind, message, options);

export const invalidArgument = maker('invalid-argument');
export const unauthorized = maker('unauthorized');
export const forbidden = maker('forbidden');
export const notFound = maker('not-found');
export const conflict = maker('conflict');
export const notImplemented = maker('not-implemented');
export const unavailable = maker('unavailable');
export const cancelled = maker('cancelled');
export const internal = maker('internal');

/** The wish is already true: a start of a running container, a stop of a stopped one. */
export const notModified = (message = ''): EngineError => new EngineError('not-modified', message);

/** Any thrown value as text for a person. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Any thrown value, ready to leave the process; what is unknown is `internal`. */
export function toWire(error: unknown): WireError {
  return { kind: error instanceof EngineError ? error.kind : 'internal', message: messageOf(error) };
}

/** The error that the other process threw. */
export const fromWire = ({ kind, message }: WireError): EngineError => new EngineError(kind, message);
