import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Log } from '../../base/log.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Reference } from '../../contracts/oci/reference.ts';
import type { Credentials } from './authentication.ts';
import { Conversation } from './conversation.ts';
import { type Download, downloadFrom } from './download-url.ts';
import { login } from './login.ts';
import type { ProxySettings } from './proxy.ts';
import { type FoundRepository, search } from './search.ts';
import { Transport, type TransportRequest } from './transport.ts';
import type { BlobSource, BlobUpload } from './upload.ts';

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

/** The bytes of a blob from `offset` on, unverified. */
export interface FetchedBlob {
  offset: number;
  stream: Readable;
  /** Of what came from a mirror: asks that one no more, for others may have it as it should be. */
  giveUp?(): void;
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
  blob(digest: Digest, offset: number, signal: AbortSignal): Promise<FetchedBlob>;
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
