import { EngineError, type ErrorKind, messageOf } from '../../contracts/errors.ts';

/** Nginx's number for a client that did not wait; it is logged, nobody reads it. */
const clientClosedRequest = 499;

const statuses: Readonly<Record<ErrorKind, number>> = {
  'invalid-argument': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'not-modified': 304,
  'not-implemented': 501,
  unavailable: 503,
  cancelled: clientClosedRequest,
  internal: 500,
};

/** An error as HTTP tells it. `unexpected` asks for a line in the log: it is a bug of ours, or news from the kernel. */
export interface ErrorAnswer {
  status: number;
  message: string;
  unexpected: boolean;
}

/** The only place that knows HTTP statuses of errors. */
export function toErrorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof EngineError) {
    return { status: statuses[error.kind], message: error.message, unexpected: error.kind === 'internal' };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { status: clientClosedRequest, message: error.message, unexpected: false };
  }
  return { status: 500, message: messageOf(error).replace(/: ENOSPC$/, ': no space left on device'), unexpected: true };
}
