import { EngineError, type ErrorKind, messageOf } from '../../../contracts/errors.ts';

/** What went wrong in gRPC's words; `details` is a whole google.rpc.Status for clients that read more. */
export class GrpcError extends Error {
  readonly code: number;
  readonly details: Uint8Array | undefined;

  constructor(code: number, message: string, details?: Uint8Array) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

export const codes = { ok: 0, cancelled: 1, unknown: 2, notFound: 5, unimplemented: 12, unavailable: 14 } as const;

const byKind: Partial<Record<ErrorKind, number>> = {
  cancelled: codes.cancelled,
  'not-found': codes.notFound,
  'not-implemented': codes.unimplemented,
  unavailable: codes.unavailable,
};

export const toGrpcError = (error: unknown): GrpcError => {
  if (error instanceof GrpcError) return error;
  const code = error instanceof EngineError ? (byKind[error.kind] ?? codes.unknown) : codes.unknown;
  return new GrpcError(code, messageOf(error));
};

/** A message in a trailer: all but printable ASCII in percent. */
export const percentEncoded = (text: string): string =>
  [...Buffer.from(text)]
    .map(byte =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
