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
import { goCause, RegistryError } from './registry-error.ts';

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
  /** No certificate check; a redirect may lead to plain HTTP. */
  insecure: boolean;
  signal: AbortSignal;
}

const defaultIdleTimeoutMs = 60_000;
const longestRedirectChain = 10;
const longestDocument = 8 << 20;
const redirects = [301, 302, 303, 307, 308];

/** HTTP(S) requests with kept connections, proxies, redirects and dockerd's words for what fails. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, HttpAgent | HttpsAgent>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** The answer, whatever its status, after redirects. The caller must read or destroy it. @throws RegistryError, cancelled. */
  async request(request: TransportRequest): Promise<IncomingMessage> {
    let { url, headers } = request;
    for (let hops = 0; hops < longestRedirectChain; hops++) {
      const response = await this.#send({ ...request, url, headers });
      const { location } = response.headers;
      if (!location || !redirects.includes(response.statusCode ?? 0)) return response;
      response.resume();
      const next = new URL(location, url);
      if (next.protocol !== 'https:' && !request.insecure) {
        throw new RegistryError(`${goMethod(request.method)} "${next.href}": refusing a redirect to plain HTTP`);
      }
      headers = new URL(url).host === next.host ? headers : withoutAuthorization(headers);
      url = next.href;
    }
    throw new RegistryError(`${goMethod(request.method)} "${url}": stopped after ${longestRedirectChain} redirects`);
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #send({ method, url, headers, body, insecure, signal }: TransportRequest): Promise<IncomingMessage> {
    const target = new URL(url);
    const idle = this.#options.idleTimeoutMs ?? defaultIdleTimeoutMs;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(cancelled('context canceled', { cause: signal.reason }));
      const proxied = proxyFor(target, this.#options.proxies ?? {}) !== undefined;
      const fail = (error: unknown): void => reject(failureOf(error, { method, url: target, proxied }, signal));
      const agent = this.#agentFor(target, insecure);
      const begin = target.protocol === 'https:' ? requestHttps : requestHttp;
      const request = begin(target, {
        method,
        agent,
        headers: { 'User-Agent': this.#options.userAgent, ...lengthOf(body), ...headers },
        signal,
      });
      request.setTimeout(idle, () => request.destroy(timeout()));
      request.on('error', error => {
        if (isStale(request, error)) resolve(this.#send({ method, url, headers, body, insecure, signal }));
        else fail(error);
      });
      request.on('response', resolve);
      send(request, body, fail);
    });
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

/** Go writes a method as a word: `Get "https://…"`. */
export const goMethod = (method: string): string => method.charAt(0) + method.slice(1).toLowerCase();

/** `error` as an error of this request. */
function failureOf(
  error: unknown,
  request: { method: string; url: URL; proxied: boolean },
  signal: AbortSignal,
): Error {
  if (signal.aborted) return cancelled('context canceled', { cause: error });
  const { method, url, proxied } = request;
  const atProxy = proxied && (error as { syscall?: string }).syscall === 'connect' ? 'proxyconnect tcp: ' : '';
  const text = `${goMethod(method)} "${url.href}": ${atProxy}${goCause(error, url.hostname)}`;
  return new RegistryError(text, { transient: true, cause: error });
}

const timeout = (): Error => Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' });

function withoutAuthorization(headers: Record<string, string> | undefined): Record<string, string> | undefined {
  if (!headers) return undefined;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}
