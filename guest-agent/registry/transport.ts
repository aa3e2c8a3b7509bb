import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
  STATUS_CODES,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';
import { getCACertificates } from 'node:tls';
import { cancelled } from '../../contracts/errors.ts';
import { certificatesFor, type HostCertificates } from './certificates.ts';
import { type ProxySettings, proxyFor } from './proxy.ts';
import { redirected } from './redirects.ts';
import { goCause, goMethod, isRegistryError, RegistryError } from './registry-error.ts';

export interface TransportOptions {
  proxies?: ProxySettings;
  /** PEM texts that are trusted beside the system's. */
  extraCertificates?: readonly string[];
  /** Docker's `certs.d` folders, which hold certificates for single hosts. */
  certificateFolders?: readonly string[];
  userAgent: string;
  /** Without a byte for so long, a connection is given up. */
  idleTimeoutMs?: number;
}

/** A long body, which can be sent again from its beginning: after a redirect, or a refusal. */
export interface StreamedBody {
  /** Bytes; undefined for what is still being made. */
  size: number | undefined;
  open(): Readable;
}

export interface TransportRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  body?: string | Buffer | StreamedBody;
  /** The body is for this server alone. */
  isSecret?: boolean;
  /** No certificate check; a redirect may lead to plain HTTP. */
  insecure: boolean;
  /** Without a byte for so long, it is given up; absent: as long as for all. */
  idleTimeoutMs?: number;
  signal: AbortSignal;
}

const defaultIdleTimeoutMs = 60_000;
const longestRedirectChain = 10;
const longestDocument = 8 << 20;
/** What nobody wants to know is read so far, for the connection's sake; as Go's client does. */
const longestUnread = 256 << 10;

/** HTTP(S) requests with kept connections, proxies, redirects and dockerd's words for what fails. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, HttpAgent | HttpsAgent>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** The answer, whatever its status, after redirects. The caller must read or destroy it. @throws RegistryError, cancelled. */
  async request(request: TransportRequest): Promise<IncomingMessage> {
    let next = request;
    for (let hops = 0; hops < longestRedirectChain; hops++) {
      const response = await this.#send(next);
      const further = redirected(next, response);
      if (!further) return response;
      discard(response);
      next = further;
    }
    const why = `stopped after ${longestRedirectChain} redirects`;
    throw new RegistryError(`${goMethod(next.method)} "${next.url}": ${why}`);
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #send(question: TransportRequest): Promise<IncomingMessage> {
    const { method, url, body, signal } = question;
    const target = new URL(url);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(cancelled('context canceled', { cause: signal.reason }));
      const proxied = proxyFor(target, this.#options.proxies ?? {}) !== undefined;
      const fail = (error: unknown): void => reject(failureOf(error, { method, url: target, proxied }, signal));
      const request = this.#begin(question, target, fail);
      if (!request) return;
      const idle = question.idleTimeoutMs ?? this.#options.idleTimeoutMs ?? defaultIdleTimeoutMs;
      request.setTimeout(idle, () => request.destroy(timeout()));
      request.on('error', error => {
        if (isStale(request, error)) resolve(this.#send(question));
        else fail(error);
      });
      request.on('response', resolve);
      send(request, body, fail);
    });
  }

  /** Nothing where the question cannot be put at all: its address or its headers may be somebody else's words. */
  #begin(
    { method, headers, body, insecure, signal }: TransportRequest,
    target: URL,
    fail: (error: unknown) => void,
  ): ClientRequest | undefined {
    const begin = target.protocol === 'https:' ? requestHttps : requestHttp;
    try {
      const agent = this.#agentFor(target, insecure);
      const all = { 'User-Agent': this.#options.userAgent, ...lengthOf(body), ...headers };
      return begin(target, { method, agent, headers: all, signal });
    } catch (error) {
      fail(error);
      return undefined;
    }
  }

  #agentFor(url: URL, insecure: boolean): HttpAgent | HttpsAgent {
    const proxy = proxyFor(url, this.#options.proxies ?? {});
    const isTls = url.protocol === 'https:';
    const certificates = isTls ? certificatesFor(url.host, this.#options.certificateFolders ?? []) : undefined;
    const key = JSON.stringify([url.protocol, insecure, proxy, certificates]);
    const known = this.#agents.get(key);
    if (known) return known;
    const agent = isTls ? this.#httpsAgent(insecure, proxy, certificates) : plainAgent(proxy);
    this.#agents.set(key, agent);
    return agent;
  }

  #httpsAgent(insecure: boolean, proxy: string | undefined, certificates: HostCertificates | undefined): HttpsAgent {
    const extra = [...(this.#options.extraCertificates ?? []), ...(certificates?.authorities ?? [])];
    const own = certificates?.own ?? [];
    return new HttpsAgent({
      keepAlive: true,
      rejectUnauthorized: !insecure,
      ...(extra.length > 0 ? { ca: [...getCACertificates('default'), ...extra] } : {}),
      ...(own.length > 0 ? { cert: own.map(({ certificate }) => certificate), key: own.map(({ key }) => key) } : {}),
      ...(proxy ? { proxyEnv: { HTTPS_PROXY: proxy } } : {}),
    });
  }
}

const isStreamed = (body: TransportRequest['body']): body is StreamedBody =>
  typeof body === 'object' && !Buffer.isBuffer(body);

const lengthOf = (body: TransportRequest['body']): Record<string, string> =>
  isStreamed(body) && body.size !== undefined ? { 'Content-Length': String(body.size) } : {};

/**
 * True when a server closed a kept connection just as it was used again: that says nothing about the question. As in
 * Go's client, only what changes nothing is asked again at once.
 */
const isStale = (
  { reusedSocket, method, res }: ClientRequest & { res?: unknown },
  error: NodeJS.ErrnoException,
): boolean =>
  reusedSocket && !res && (method === 'GET' || method === 'HEAD') && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '');

/** Sends a body to its end, or until it is refused: then the rest would be sent in vain. */
function send(request: ClientRequest, body: TransportRequest['body'], fail: (error: unknown) => void): void {
  if (!isStreamed(body)) {
    request.end(body);
    return;
  }
  const source = body.open();
  source.once('error', error => {
    fail(error);
    request.destroy();
  });
  request.once('close', () => source.destroy());
  request.once('response', response => {
    if ((response.statusCode ?? 0) < 300) return;
    source.destroy();
    response.once('end', () => request.destroy());
  });
  source.pipe(request);
}

const plainAgent = (proxy: string | undefined): HttpAgent =>
  new HttpAgent({ keepAlive: true, ...(proxy ? { proxyEnv: { HTTP_PROXY: proxy } } : {}) });

/** Reads an answer that says no more than its headers; one that goes on and on is cut off. */
export function discard(response: IncomingMessage): void {
  let length = 0;
  response.on('error', () => undefined); // whoever asked has his answer
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > longestUnread) response.destroy();
  });
}

/** A document that an answer carries. @throws RegistryError when it is cut short or unreasonably long. */
export async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > longestDocument) throw new RegistryError('response body is too long for a document');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    throw new RegistryError('unexpected EOF', { transient: true, cause: error });
  }
  return Buffer.concat(chunks);
}

/** `404 Not Found` in two. */
export function statusOf(response: IncomingMessage): { status: number; statusText: string } {
  const status = response.statusCode ?? 0;
  return { status, statusText: response.statusMessage || (STATUS_CODES[status] ?? '') };
}

/** `error` as an error of this request. */
function failureOf(
  error: unknown,
  request: { method: string; url: URL; proxied: boolean },
  signal: AbortSignal,
): Error {
  if (signal.aborted) return cancelled('context canceled', { cause: error });
  if (isRegistryError(error)) return error;
  const { method, url, proxied } = request;
  const atProxy = proxied && (error as { syscall?: string }).syscall === 'connect' ? 'proxyconnect tcp: ' : '';
  const text = `${goMethod(method)} "${url.href}": ${atProxy}${goCause(error, url.hostname)}`;
  return new RegistryError(text, { transient: !(error instanceof TypeError), cause: error });
}

const timeout = (): Error => Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' });
