import type { IncomingMessage } from 'node:http';
import { type Digest, isDigest } from '../../contracts/oci/digest.ts';
import type { Authorizer } from './authentication.ts';
import { parseChallenges } from './challenge.ts';
import type { RegistryEndpoint } from './endpoints.ts';
import { errorOfAnswer, goMethod, RegistryError } from './registry-error.ts';
import { bodyOf, statusOf, type Transport, type TransportRequest } from './transport.ts';

/** A request inside one repository. */
export interface RepositoryRequest {
  method: TransportRequest['method'];
  /** Below `/v2/<path>/`; or a whole address that the registry gave. */
  path: string;
  headers?: Record<string, string>;
  body?: TransportRequest['body'];
  /** A further repository of the registry that is read from. */
  from?: string;
  signal: AbortSignal;
}

/** One repository at one endpoint: requests with its user's authorization, and answers checked. */
export class RepositoryEndpoint {
  readonly #transport: Transport;
  readonly #endpoint: RegistryEndpoint;
  readonly #authorizer: Authorizer;
  readonly #path: string;

  constructor(transport: Transport, endpoint: RegistryEndpoint, path: string, authorizer: Authorizer) {
    this.#transport = transport;
    this.#endpoint = endpoint;
    this.#path = path;
    this.#authorizer = authorizer;
  }

  /** An answer below 400. A refusal is answered once with what it asks for: a first or a fresh token. @throws RegistryError. */
  async request(request: RepositoryRequest): Promise<IncomingMessage> {
    const response = await this.#once(request);
    if (response.statusCode !== 401 || !this.#authorizer.learn(response.headers['www-authenticate'])) {
      return accepted(response);
    }
    const refusal = await refusalOf(response);
    const second = await this.#once(request, refusal);
    return accepted(second);
  }

  /** An address that an answer to `path` gave, made whole. */
  resolved(location: string, path: string): string {
    return new URL(location, this.#urlOf(path)).href;
  }

  #urlOf(path: string): string {
    return /^https?:/.test(path) ? path : `${this.#endpoint.base}v2/${this.#path}/${path}`;
  }

  async #once(
    { method, path, headers, body, from, signal }: RepositoryRequest,
    refusal?: RegistryError,
  ): Promise<IncomingMessage> {
    const url = this.#urlOf(path);
    const isOurs = new URL(url).origin === new URL(this.#endpoint.base).origin; // the token is not for others, nor for plain text
    const authorization = isOurs ? await this.#authorize({ method, url, from, signal }, refusal) : undefined;
    return this.#transport.request({
      method,
      url,
      ...(body === undefined ? {} : { body }),
      headers: { ...headers, ...(authorization ? { Authorization: authorization } : {}) },
      insecure: this.#endpoint.insecure,
      signal,
    });
  }

  /** Go's client identifies itself inside the request, so a failure of that is told as one of the request. */
  async #authorize(
    { method, url, from, signal }: { method: string; url: string; from: string | undefined; signal: AbortSignal },
    refusal?: RegistryError,
  ) {
    try {
      return await this.#authorizer.header(signal, from);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      const { status, code, transient } = error;
      const cause = refusal ?? error;
      throw new RegistryError(`${goMethod(method)} "${url}": ${error.message}`, { status, code, transient, cause });
    }
  }
}

/** The digest that a registry says an answer has. */
export function digestIn(response: IncomingMessage): Digest | undefined {
  const value = response.headers['docker-content-digest'];
  return typeof value === 'string' && isDigest(value) ? value : undefined;
}

async function accepted(response: IncomingMessage): Promise<IncomingMessage> {
  if ((response.statusCode ?? 0) < 400) return response;
  throw await refusalOf(response);
}

async function refusalOf(response: IncomingMessage): Promise<RegistryError> {
  const body = (await bodyOf(response)).toString('utf8');
  const bearer = parseChallenges(response.headers['www-authenticate']).find(({ scheme }) => scheme === 'bearer');
  const retryAfter = response.headers['retry-after'];
  return errorOfAnswer(
    { ...statusOf(response), body, ...(retryAfter ? { retryAfter } : {}) },
    bearer?.parameters.error,
  );
}
