import { EngineError } from '../../contracts/errors.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Reference } from '../../contracts/oci/reference.ts';
import { Authorizer, type Credentials } from './authentication.ts';
import { parseChallenges } from './challenge.ts';
import { addressesFor, endpointsOf, type RegistryEndpoint } from './endpoints.ts';
import { fetchBlob, fetchManifest, resolveAt, resolveAtMirror } from './fetch.ts';
import type { FetchedBlob, RegistryOptions, Repository, ResolvedManifest } from './registry.ts';
import { isRegistryError, RegistryError } from './registry-error.ts';
import { RepositoryEndpoint } from './repository.ts';
import { listTags } from './tags.ts';
import { discard, type Transport } from './transport.ts';
import { type BlobSource, type BlobUpload, hasBlob, mountBlob, UploadSession } from './upload.ts';

/** A mirror that says nothing keeps the next one waiting; as long as dockerd, in milliseconds. */
const longestGreeting = 15_000;

/** See {@link Repository}. Whoever of several answered first is asked first for all that follows. */
export class Conversation implements Repository {
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
    return this.#atFirstThatAnswers(signal, (endpoint, { mirror }) =>
      (mirror ? resolveAtMirror : resolveAt)(endpoint, reference, signal),
    );
  }

  async manifest(digest: Digest, signal: AbortSignal): Promise<{ mediaType: string; body: Buffer }> {
    return this.#atFirstThatAnswers(signal, endpoint => fetchManifest(endpoint, digest, digest, signal));
  }

  async blob(digest: Digest, offset: number, signal: AbortSignal): Promise<FetchedBlob> {
    return this.#atFirstThatAnswers(signal, async (endpoint, about) => {
      const blob = await fetchBlob(endpoint, digest, offset, signal);
      return about.mirror ? { ...blob, giveUp: () => this.#forget(about) } : blob;
    });
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
    discard(response);
  }

  async #atFirstThatAnswers<T>(
    signal: AbortSignal,
    ask: (endpoint: RepositoryEndpoint, about: RegistryEndpoint) => Promise<T>,
  ): Promise<T> {
    let failure: unknown = new RegistryError(`no endpoint for ${this.#reference.domain}`);
    if (this.#chosen) {
      const { candidate, mirror } = this.#chosen;
      if (!mirror) return ask(candidate, this.#chosen);
      try {
        return await ask(candidate, this.#chosen);
      } catch (error) {
        if (!isRegistryError(error)) throw error;
        failure = this.#givenUp(this.#chosen, error); // the next one may have what this mirror has not
      }
    }
    let spokeTls = false;
    for (const endpoint of await this.#endpoints()) {
      if (spokeTls && endpoint.base.startsWith('http:') && !endpoint.mirror) break; // it answered: no way back to plain text
      try {
        const candidate = await this.#greet(endpoint, signal);
        spokeTls ||= endpoint.base.startsWith('https:') && !endpoint.mirror;
        const answer = await ask(candidate, endpoint);
        this.#chosen = { ...endpoint, candidate };
        return answer;
      } catch (error) {
        failure = this.#givenUp(endpoint, error);
      }
    }
    throw failure;
  }

  /** Of the registry itself the failure counts, of a mirror that it is asked no more. @throws what is no failure of an endpoint */
  #givenUp(endpoint: RegistryEndpoint, error: unknown): unknown {
    if (error instanceof EngineError) throw error;
    this.#options.log.debug('registry endpoint failed', { endpoint: endpoint.base, error: String(error) });
    this.#forget(endpoint);
    return error;
  }

  #forget({ base, mirror }: RegistryEndpoint): void {
    if (this.#chosen?.base === base) this.#chosen = undefined;
    if (mirror) this.#failed.add(base);
  }

  async #endpoints(): Promise<RegistryEndpoint[]> {
    const { domain } = this.#reference;
    const endpoints = endpointsOf(domain, this.#options, await addressesFor(domain, this.#options));
    return endpoints.filter(({ base, mirror }) => !mirror || (this.#purpose === 'pull' && !this.#failed.has(base)));
  }

  /** The ping that every client begins with: is there a registry, and how does it want to be spoken to? */
  async #greet(endpoint: RegistryEndpoint, signal: AbortSignal): Promise<RepositoryEndpoint> {
    const { insecure, base, mirror } = endpoint;
    const idleTimeoutMs = Math.min(this.#options.idleTimeoutMs ?? longestGreeting, longestGreeting);
    const question = { method: 'GET', url: `${base}v2/`, insecure, idleTimeoutMs, signal } as const;
    const response = await this.#transport.request(question);
    discard(response);
    const authorizer = new Authorizer(this.#transport, {
      credentials: mirror ? {} : this.#auth,
      scope: `repository:${this.#reference.path}:${this.#purpose === 'push' ? 'pull,push' : 'pull'}`,
      insecure,
      challenges: parseChallenges(response.headers['www-authenticate']),
    });
    return new RepositoryEndpoint(this.#transport, endpoint, this.#reference.path, authorizer);
  }
}
