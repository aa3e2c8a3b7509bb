import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Log } from '../../base/log.ts';
import { EngineError } from '../../contracts/errors.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import { mediaTypes } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Reference } from '../../contracts/oci/reference.ts';
import { Authorizer, type Credentials } from './authentication.ts';
import { parseChallenges } from './challenge.ts';
import { type Download, downloadFrom } from './download-url.ts';
import { addressesFor, endpointsOf, type RegistryEndpoint } from './endpoints.ts';
import { login } from './login.ts';
import type { ProxySettings } from './proxy.ts';
import { isRegistryError, RegistryError } from './registry-error.ts';
import { digestIn, RepositoryEndpoint } from './repository.ts';
import { type FoundRepository, search } from './search.ts';
import { listTags } from './tags.ts';
import { bodyOf, Transport, type TransportRequest } from './transport.ts';
import { type BlobSource, type BlobUpload, hasBlob, mountBlob, UploadSession } from './upload.ts';

export interface RegistryOptions {
  /** Base URLs of mirrors of docker.io, best first. */
  mirrors?: readonly string[];
  /** Hosts (with or without port) and CIDR blocks that may speak plain HTTP or show any certificate; loopback always may. */
  insecureRegistries?: readonly string[];
  proxies?: ProxySettings;
  /** PEM texts. */
  extraCertificates?: readonly string[];
  /** Docker's `certs.d` folders. */
  certificateFolders?: readonly string[];
  userAgent?: string;
  idleTimeoutMs?: number;
  log: Log;
}

/** What a tag or a digest stands for; the bytes where they came along. */
export interface ResolvedManifest {
  descriptor: Descriptor;
  body?: Buffer;
}

/** A conversation about one repository. Every method may throw `RegistryError` and `cancelled`. */
export interface Repository {
  /** Finds the endpoint that answers, and asks nothing of it. */
  connect(signal: AbortSignal): Promise<void>;
  /** Asks what the reference's digest or tag stands for, at the first endpoint that knows. */
  resolve(reference: Reference, signal: AbortSignal): Promise<ResolvedManifest>;
  /** The verified bytes of a manifest. */
  manifest(digest: Digest, signal: AbortSignal): Promise<{ mediaType: string; body: Buffer }>;
  /** All tags, in the registry's order. */
  tags(signal: AbortSignal): Promise<string[]>;
  /** Whether the repository has a blob. */
  hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** Whether the registry gave the blob from another repository of its own. */
  mount(digest: Digest, from: string, signal: AbortSignal): Promise<boolean>;
  /** Begins nothing yet: see its `attempt`. */
  upload(source: BlobSource): BlobUpload;
  /** Stores a manifest under a tag (or its digest). */
  putManifest(name: string, manifest: { mediaType: string; body: Buffer }, signal: AbortSignal): Promise<void>;
  /** A blob from `offset` on, or from 0 where the registry cannot do that: see the `offset` of the answer. */
  blob(digest: Digest, offset: number, signal: AbortSignal): Promise<{ offset: number; stream: Readable }>;
}

/** See the door of this room. */
export interface Registry {
  /** `push` asks the registry itself, never a mirror, and for leave to write. */
  repository(reference: Reference, auth?: Credentials, purpose?: 'pull' | 'push'): Repository;
  /** What the index of a registry finds for `term`, at most `limit`. @throws internal, invalid-argument. */
  search(term: string, options: { auth?: Credentials; limit: number; signal: AbortSignal }): Promise<FoundRepository[]>;
  /** What is at an address that a user gave; `size` in bytes, where the server says it. @throws unavailable. */
  download(url: string, signal: AbortSignal): Promise<Download>;
  /** Any request of the web, by the engine's proxies and certificates; the answer as it comes, whatever its status. */
  request(request: TransportRequest): Promise<IncomingMessage>;
  /** `POST /auth`: proves credentials. @throws unauthorized, unavailable, in dockerd's words. */
  login(auth: Credentials, signal?: AbortSignal): Promise<{ Status: string; IdentityToken: string }>;
  close(): void;
}

const manifestTypes = [
  mediaTypes.dockerManifest,
  mediaTypes.dockerIndex,
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
].join(', ');

/** @param options see {@link RegistryOptions} */
export function openRegistry(options: RegistryOptions): Registry {
  const transport = new Transport({ ...options, userAgent: options.userAgent ?? 'berth/0.1' });
  return {
    repository: (reference, auth = {}, purpose = 'pull') =>
      new Conversation(transport, options, { reference, auth, purpose }),
    search: (term, { auth = {}, ...rest }) => search(transport, options, term, { auth, ...rest }),
    download: (url, signal) => downloadFrom(transport, url, signal),
    request: request => transport.request(request),
    login: (auth, signal) => login(transport, options, auth, signal ?? new AbortController().signal),
    close: () => transport.close(),
  };
}

class Conversation implements Repository {
  readonly #transport: Transport;
  readonly #options: RegistryOptions;
  readonly #reference: Reference;
  readonly #auth: Credentials;
  readonly #purpose: 'pull' | 'push';
  /** The one that answered. */
  #chosen: (RegistryEndpoint & { candidate: RepositoryEndpoint }) | undefined;
  /** Mirrors that had not what they were asked for. */
  readonly #failed = new Set<string>();

  constructor(
    transport: Transport,
    options: RegistryOptions,
    about: { reference: Reference; auth: Credentials; purpose: 'pull' | 'push' },
  ) {
    this.#transport = transport;
    this.#options = options;
    this.#reference = about.reference;
    this.#auth = about.auth;
    this.#purpose = about.purpose;
  }

  async resolve(reference: Reference, signal: AbortSignal): Promise<ResolvedManifest> {
    return this.#atFirstThatAnswers(signal, endpoint => resolveAt(endpoint, reference, signal));
  }

  async manifest(digest: Digest, signal: AbortSignal): Promise<{ mediaType: string; body: Buffer }> {
    return this.#atFirstThatAnswers(signal, endpoint => fetchManifest(endpoint, digest, digest, signal));
  }

  async blob(digest: Digest, offset: number, signal: AbortSignal): Promise<{ offset: number; stream: Readable }> {
    return this.#atFirstThatAnswers(signal, endpoint => fetchBlob(endpoint, digest, offset, signal));
  }

  tags(signal: AbortSignal): Promise<string[]> {
    return this.#atFirstThatAnswers(signal, endpoint => listTags(endpoint, signal));
  }

  connect(signal: AbortSignal): Promise<void> {
    return this.#atFirstThatAnswers(signal, async () => undefined);
  }

  hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean> {
    return this.#atFirstThatAnswers(signal, endpoint => hasBlob(endpoint, digest, signal));
  }

  mount(digest: Digest, from: string, signal: AbortSignal): Promise<boolean> {
    return this.#atFirstThatAnswers(signal, endpoint => mountBlob(endpoint, { digest, from }, signal));
  }

  upload(source: BlobSource): BlobUpload {
    let session: UploadSession | undefined;
    return {
      attempt: attempt =>
        this.#atFirstThatAnswers(attempt.signal, endpoint => {
          session ??= new UploadSession(endpoint, source);
          return session.attempt(attempt);
        }),
    };
  }

  async putManifest(name: string, manifest: { mediaType: string; body: Buffer }, signal: AbortSignal): Promise<void> {
    const { mediaType, body } = manifest;
    const headers = { 'Content-Type': mediaType };
    const request = { method: 'PUT', path: `manifests/${name}`, headers, body, signal } as const;
    const response = await this.#atFirstThatAnswers(signal, endpoint => endpoint.request(request));
    response.resume();
  }

  async #atFirstThatAnswers<T>(signal: AbortSignal, ask: (endpoint: RepositoryEndpoint) => Promise<T>): Promise<T> {
    let failure: unknown = new RegistryError(`no endpoint for ${this.#reference.domain}`);
    if (this.#chosen) {
      const { candidate, mirror } = this.#chosen;
      if (!mirror) return ask(candidate);
      try {
        return await ask(candidate);
      } catch (error) {
        if (!isRegistryError(error) || (error.status === undefined && !error.transient)) throw error; // it lies
        failure = this.#givenUp(this.#chosen, error); // the next one may have what this mirror has not
      }
    }
    let spokeTls = false;
    for (const endpoint of await this.#endpoints()) {
      if (spokeTls && endpoint.base.startsWith('http:') && !endpoint.mirror) break; // it answered: no way back to plain text
      try {
        const candidate = await this.#greet(endpoint, signal);
        spokeTls ||= endpoint.base.startsWith('https:') && !endpoint.mirror;
        const answer = await ask(candidate);
        this.#chosen = { ...endpoint, candidate };
        return answer;
      } catch (error) {
        failure = this.#givenUp(endpoint, error);
      }
    }
    throw failure;
  }

  /** Of the registry itself the failure counts, of a mirror that it is asked no more. @throws what is no failure of an endpoint */
  #givenUp({ base, mirror }: RegistryEndpoint, error: unknown): unknown {
    if (error instanceof EngineError) throw error;
    this.#options.log.debug('registry endpoint failed', { endpoint: base, error: String(error) });
    this.#chosen = undefined;
    if (mirror) this.#failed.add(base);
    return error;
  }

  async #endpoints(): Promise<RegistryEndpoint[]> {
    const { domain } = this.#reference;
    const endpoints = endpointsOf(domain, this.#options, await addressesFor(domain, this.#options));
    return endpoints.filter(({ base, mirror }) => !mirror || (this.#purpose === 'pull' && !this.#failed.has(base)));
  }

  /** The ping that every client begins with: is there a registry, and how does it want to be spoken to? */
  async #greet(endpoint: RegistryEndpoint, signal: AbortSignal): Promise<RepositoryEndpoint> {
    const { insecure, base, mirror } = endpoint;
    const response = await this.#transport.request({ method: 'GET', url: `${base}v2/`, insecure, signal });
    response.resume();
    const authorizer = new Authorizer(this.#transport, {
      credentials: mirror ? {} : this.#auth,
      scope: `repository:${this.#reference.path}:${this.#purpose === 'push' ? 'pull,push' : 'pull'}`,
      insecure,
      challenges: parseChallenges(response.headers['www-authenticate']),
    });
    return new RepositoryEndpoint(this.#transport, endpoint, this.#reference.path, authorizer);
  }
}

/** HEAD first: it does not count against Docker Hub's limit, and often the answer is "you have that". */
async function resolveAt(
  endpoint: RepositoryEndpoint,
  reference: Reference,
  signal: AbortSignal,
): Promise<ResolvedManifest> {
  const target = reference.digest ?? reference.tag ?? 'latest';
  const path = `manifests/${target}`;
  try {
    const response = await endpoint.request({ method: 'HEAD', path, headers: { Accept: manifestTypes }, signal });
    response.resume();
    const digest = reference.digest ?? digestIn(response); // whatever a header says: what was asked for is what counts
    const size = Number(response.headers['content-length']);
    if (digest && size > 0) return { descriptor: { mediaType: typeOf(response), digest, size } };
  } catch (error) {
    // A HEAD has no body to say what is wrong; what never reached the registry is told as it is.
    if (
      !isRegistryError(error) ||
      error.status === undefined ||
      error.status === 401 ||
      error.message.startsWith('Head ')
    )
      throw error;
  }
  const { mediaType, body, digest } = await fetchManifest(endpoint, target, reference.digest, signal);
  return { descriptor: { mediaType, digest, size: body.length }, body };
}

async function fetchManifest(
  endpoint: RepositoryEndpoint,
  target: string,
  expected: Digest | undefined,
  signal: AbortSignal,
): Promise<{ mediaType: string; body: Buffer; digest: Digest }> {
  const headers = { Accept: manifestTypes };
  const response = await endpoint.request({ method: 'GET', path: `manifests/${target}`, headers, signal });
  const body = await bodyOf(response);
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}` as Digest;
  if (expected && digest !== expected) {
    throw new RegistryError(`manifest verification failed for digest ${expected}`);
  }
  return { mediaType: typeOf(response), body, digest };
}

async function fetchBlob(
  endpoint: RepositoryEndpoint,
  digest: Digest,
  offset: number,
  signal: AbortSignal,
): Promise<{ offset: number; stream: Readable }> {
  const headers: Record<string, string> = offset > 0 ? { Range: `bytes=${offset}-` } : {};
  const request = { method: 'GET', path: `blobs/${digest}`, headers, signal } as const;
  const response = await endpoint.request(request).catch(error => {
    throw error instanceof RegistryError && error.status === 404 ? unknownBlob(error) : error;
  });
  if (response.statusCode !== 206) return { offset: 0, stream: response };
  const start = Number(/^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1] ?? offset);
  if (start === offset) return { offset, stream: response };
  response.destroy();
  throw new RegistryError(`the registry answered from byte ${start} instead of ${offset}`);
}

/** Go's client does not read what a registry says about a blob that it does not have. */
const unknownBlob = (cause: unknown): RegistryError => new RegistryError('unknown blob', { status: 404, cause });

const typeOf = (response: IncomingMessage): string => (response.headers['content-type'] ?? '').split(';', 1)[0] ?? '';
