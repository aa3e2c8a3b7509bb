import type { IncomingMessage } from 'node:http';
import { type Digest, isDigest } from '../../contracts/oci/digest.ts';
import type { Authorizer } from './authentication.ts';
import { parseChallenges } from './challenge.ts';
import type { RegistryEndpoint } from './endpoints.ts';
import { errorOfAnswer, RegistryError } from './registry-error.ts';
import { bodyOf, goMethod, statusOf, type Transport } from './transport.ts';

/** A request inside one repository. */
interface RepositoryRequest {
  method: 'GET' | 'HEAD';
  /** Below `/v2/<path>/`. */
  path: string;
  headers?: Record<string, string>;
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

  async #once({ method, path, headers, signal }: RepositoryRequest, refusal?: RegistryError): Promise<IncomingMessage> {
    const url = `${this.#endpoint.base}v2/${this.#path}/${path}`;
    const authorization = await this.#authorize(method, url, signal, refusal);
    return this.#transport.request({
      method,
      url,
      headers: { ...headers, ...(authorization ? { Authorization: authorization } : {}) },
      insecure: this.#endpoint.insecure,
      signal,
    });
  }

  /** Go's client identifies itself inside the request, so a failure of that is told as one of the request. */
  async #authorize(method: string, url: string, signal: AbortSignal, refusal?: RegistryError) {
    try {
      return await this.#authorizer.header(signal);
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
  return errorOfAnswer({ ...statusOf(response), body }, bearer?.parameters.error);
}
