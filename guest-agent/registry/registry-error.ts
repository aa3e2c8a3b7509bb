import { isIPv6 } from 'node:net';
import { own } from '../../base/own.ts';

/** What a registry, or the way to it, refused. The message is dockerd's. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  /** HTTP status; absent when no answer came. */
  readonly status: number | undefined;
  /** The registry's own word for it, as `MANIFEST_UNKNOWN`. */
  readonly code: string | undefined;
  /** True when the same request may well succeed a little later. */
  readonly transient: boolean;

  /** How long the registry asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    facts: { status?: number; code?: string; transient?: boolean; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: facts.cause });
    this.retryAfterMs = facts.retryAfterMs;
    this.status = facts.status;
    this.code = facts.code;
    this.transient = facts.transient ?? false;
  }
}

export const isRegistryError = (error: unknown): error is RegistryError => error instanceof RegistryError;

/** What the codes of the distribution specification say when the registry adds no message of its own. */
const codeMessages: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  UNSUPPORTED: 'The operation is unsupported.',
  UNAVAILABLE: 'service unavailable',
  TOOMANYREQUESTS: 'too many requests',
  MANIFEST_UNKNOWN: 'manifest unknown',
  MANIFEST_INVALID: 'manifest invalid',
  MANIFEST_UNVERIFIED: 'manifest failed signature verification',
  MANIFEST_BLOB_UNKNOWN: 'blob unknown to registry',
  NAME_UNKNOWN: 'repository name not known to registry',
  NAME_INVALID: 'invalid repository name',
  TAG_INVALID: 'manifest tag did not match URI',
  BLOB_UNKNOWN: 'blob unknown to registry',
  DIGEST_INVALID: 'provided digest did not match uploaded content',
  UNKNOWN: 'unknown error',
};

const wordsOf = (code: string): string => code.toLowerCase().replaceAll('_', ' ');

/** The error of an answer with status 400 or more. `bearerError` is the `error` of its WWW-Authenticate header. */
export function errorOfAnswer(
  answer: { status: number; statusText: string; body: string; retryAfter?: string },
  bearerError?: string,
): RegistryError {
  const { status, statusText, body, retryAfter } = answer;
  if (status === 429) return tooManyRequests(body, retryAfter);
  if (status >= 500) {
    const facts = { status, transient: true, retryAfterMs: waitIn(retryAfter) };
    return new RegistryError(`received unexpected HTTP status: ${status} ${statusText}`, facts);
  }
  if (bearerError === 'insufficient_scope') return coded('DENIED', undefined, status);
  if (bearerError === 'invalid_token') return coded('UNAUTHORIZED', undefined, status);
  return errorOfBody(body, status);
}

/** What the registry says about its limit, and when it says to come back. */
function tooManyRequests(body: string, retryAfter: string | undefined): RegistryError {
  const document = parseObject(body);
  const first = Array.isArray(document?.errors) ? (document.errors[0] as Record<string, unknown>) : undefined;
  const said =
    textOf(first?.message) ?? textOf(document?.details) ?? (document ? undefined : textOf(body.slice(0, 1024).trim()));
  const retryAfterMs = waitIn(retryAfter);
  const wait =
    retryAfterMs && !said ? `too many requests, the registry asks to wait ${retryAfterMs / 1000} seconds` : said;
  const { message, code } = coded('TOOMANYREQUESTS', wait, 429);
  return new RegistryError(message, { status: 429, code, retryAfterMs });
}

/** Seconds; a date says nothing here. */
const waitIn = (retryAfter: string | undefined): number | undefined => Number(retryAfter) * 1000 || undefined;

function errorOfBody(body: string, status: number): RegistryError {
  const document = parseObject(body);
  const first = Array.isArray(document?.errors) ? (document.errors[0] as Record<string, unknown>) : undefined;
  if (first) return listed(first, status);
  const details = textOf(document?.details);
  if (details && status === 401) return coded('UNAUTHORIZED', details, status);
  if (details && status === 403) return coded('DENIED', details, status);
  if (status === 401) return coded('UNAUTHORIZED', undefined, status);
  const shown = JSON.stringify(body.slice(0, 1024));
  const why = document ? 'no error details found in HTTP response body' : syntaxComplaint(body);
  return new RegistryError(`error parsing HTTP ${status} response body: ${why}: ${shown}`, { status });
}

/** Go's JSON decoder names the first character that it cannot use. */
export function syntaxComplaint(body: string): string {
  const first = body.trimStart()[0];
  return first ? `invalid character '${first}' looking for beginning of value` : 'unexpected end of JSON input';
}

/** An error that adds nothing to its code is, for Go's client, only that code: dockerd does not explain it further. */
function listed(error: Record<string, unknown>, status: number): RegistryError {
  const [code, message] = [textOf(error.code), textOf(error.message)];
  const bare = error.detail === undefined && code !== undefined && (!message || message === own(codeMessages, code));
  return bare && Object.hasOwn(codeMessages, code)
    ? new RegistryError(wordsOf(code), { status })
    : coded(code, message, status);
}

function coded(code: string | undefined, message: string | undefined, status: number): RegistryError {
  const known = code && Object.hasOwn(codeMessages, code) ? code : 'UNKNOWN';
  const text = message || codeMessages[known];
  return new RegistryError(`${wordsOf(known)}: ${text}`, { status, code: known });
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined);

interface NetworkFailure extends Error {
  code?: string;
  syscall?: string;
  address?: string;
  port?: number;
  hostname?: string;
  errors?: NetworkFailure[];
}

const untrusted = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
];
const notTls = ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST'];
const connectComplaints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

/** Go writes a method as a word: `Get "https://…"`. */
export const goMethod = (method: string): string => method.charAt(0) + method.slice(1).toLowerCase();

/** Why a request got no answer, as Go's net/http says it. */
export function goCause(error: unknown, host: string): string {
  const failure = firstOf(error);
  const { code = '', message } = failure;
  const complaint = connectComplaints[code];
  if (complaint && failure.address) return `dial tcp ${addressOf(failure)}: ${complaint}`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${failure.hostname ?? host}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${failure.hostname ?? host}: Temporary failure in name resolution`;
  if (code === 'ECONNRESET') return message === 'socket hang up' || message === 'aborted' ? 'EOF' : resetText(failure);
  if (code === 'EPIPE') return 'write: broken pipe';
  if (code === 'ETIMEDOUT') return 'i/o timeout';
  if (untrusted.includes(code)) return certificateText('certificate signed by unknown authority');
  if (code === 'CERT_HAS_EXPIRED') return certificateText('certificate has expired or is not yet valid');
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return certificateText(`certificate is not valid for ${host}`);
  if (notTls.includes(code)) return 'http: server gave HTTP response to HTTPS client';
  if (code === 'ERR_INVALID_PROTOCOL') return `unsupported protocol scheme ${schemeIn(message)}`;
  if (code === 'ERR_INVALID_CHAR') return 'net/http: invalid header field value for "Authorization"';
  if (code.startsWith('HPE_')) return `net/http: HTTP/1.x transport connection broken: malformed HTTP response`;
  return message;
}

/** Node tries the addresses of a name one after another; Go reports what happened with the first. */
function firstOf(error: unknown): NetworkFailure {
  const failure = (error instanceof Error ? error : new Error(String(error))) as NetworkFailure;
  return failure.errors?.[0] ?? failure;
}

const schemeIn = (message: string): string => JSON.stringify(/"(\w+):"/.exec(message)?.[1] ?? '');
const certificateText = (what: string): string => `tls: failed to verify certificate: x509: ${what}`;
const resetText = (failure: NetworkFailure): string =>
  failure.address ? `read tcp ${addressOf(failure)}: read: connection reset by peer` : 'read: connection reset by peer';
const addressOf = ({ address = '', port }: NetworkFailure): string =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
