import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Digest } from '../../contracts/oci/digest.ts';
import { isRegistryError, RegistryError } from './registry-error.ts';
import type { RepositoryEndpoint, RepositoryRequest } from './repository.ts';
import { discard } from './transport.ts';

/** A blob that is here and shall be in the registry. */
export interface WholeBlob {
  digest: Digest;
  /** Bytes. */
  size: number;
  /** The bytes from `start` to before `end`. */
  open(start: number, end: number): Readable;
}

/** A blob that is sent while it is being made. */
export interface GrowingBlob {
  /** Its bytes from the first to the last, as they come. */
  follow(): Readable;
  /** What it is in the end. Rejects with what went wrong. */
  whole: Promise<WholeBlob>;
}

export type BlobSource = WholeBlob | GrowingBlob;

const isGrowing = (source: BlobSource): source is GrowingBlob => 'whole' in source;

export interface UploadAttempt {
  signal: AbortSignal;
  /** How many bytes are under way or there; of how many, where that is known. */
  sent(bytes: number, total: number | undefined): void;
}

/** The upload of one blob. After a failure it can be attempted again, and goes on from what the registry has. */
export interface BlobUpload {
  attempt(attempt: UploadAttempt): Promise<void>;
}

/** What fits through a proxy that refuses long bodies. */
const smallChunk = 32 << 20;
const octets = { 'Content-Type': 'application/octet-stream' };

/** True when the registry has the blob in this repository. A registry that will not say has it not. */
export async function hasBlob(endpoint: RepositoryEndpoint, digest: Digest, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await endpoint.request({ method: 'HEAD', path: `blobs/${digest}`, signal });
    discard(response);
    return true;
  } catch (error) {
    if (isRegistryError(error) && error.status !== undefined && error.status !== 401) return false;
    throw error;
  }
}

/**
 * True when the registry has taken the blob over from its repository `from`. One that will not opens an upload in its
 * place, which nobody goes on with, and which it is told so.
 */
export async function mountBlob(
  endpoint: RepositoryEndpoint,
  { digest, from }: { digest: Digest; from: string },
  signal: AbortSignal,
): Promise<boolean> {
  const path = `blobs/uploads/?${new URLSearchParams({ mount: digest, from })}`;
  const response = await endpoint.request({ method: 'POST', path, from, signal }).catch(error => {
    if (isRegistryError(error) && error.status !== undefined) return undefined; // the neighbour may be gone, or not for us
    throw error;
  });
  if (!response) return false;
  discard(response);
  const { location } = response.headers;
  if (response.statusCode === 201 || !location) return response.statusCode === 201;
  const opened = endpoint.resolved(location, path);
  await endpoint.request({ method: 'DELETE', path: opened, signal }).then(
    answer => discard(answer),
    () => undefined, // it forgets the upload by itself
  );
  return false;
}

/**
 * An upload session (OCI distribution specification, "Pushing a blob in chunks"), in one chunk where that is possible.
 * What is still being made goes as it comes; only when that fails it is waited for, and sent as what it is then.
 */
export class UploadSession implements BlobUpload {
  readonly #endpoint: RepositoryEndpoint;
  readonly #source: BlobSource;
  #isBegun = false;
  #location: string | undefined;
  #offset = 0;
  #chunk = Number.POSITIVE_INFINITY;

  constructor(endpoint: RepositoryEndpoint, source: BlobSource) {
    this.#endpoint = endpoint;
    this.#source = source;
  }

  async attempt(attempt: UploadAttempt): Promise<void> {
    const isFirst = !this.#isBegun;
    this.#isBegun = true;
    if (isFirst && isGrowing(this.#source)) return this.#sendGrowing(this.#source, attempt);
    const blob = isGrowing(this.#source) ? await this.#source.whole : this.#source;
    if (this.#location) await this.#askHowFar(attempt.signal);
    let location = this.#location ?? (await this.#begin(attempt.signal));
    while (this.#offset < blob.size) location = await this.#sendChunk(location, blob, attempt);
    await this.#finish(location, blob, attempt.signal);
  }

  async #begin(signal: AbortSignal): Promise<string> {
    const path = 'blobs/uploads/';
    const response = await this.#endpoint.request({ method: 'POST', path, signal });
    discard(response);
    this.#offset = 0;
    return this.#moved(response, path);
  }

  /** Where a broken attempt left off. A session that the registry has forgotten is begun anew. */
  async #askHowFar(signal: AbortSignal): Promise<void> {
    const path = this.#location ?? '';
    try {
      const response = await this.#endpoint.request({ method: 'GET', path, signal });
      discard(response);
      const end = Number(/-(\d+)$/.exec(response.headers.range ?? '')?.[1] ?? 0);
      this.#offset = end === 0 ? 0 : end + 1;
      if (response.headers.location) this.#moved(response, path);
    } catch (error) {
      if (!isRegistryError(error) || error.status === undefined || error.transient) throw error;
      this.#location = undefined;
    }
  }

  /** Why it cannot be made counts for more than that its upload broke off. */
  async #sendGrowing({ follow, whole }: GrowingBlob, { signal, sent }: UploadAttempt): Promise<void> {
    const body = { size: undefined, open: () => counted(follow(), bytes => sent(bytes, undefined)) };
    try {
      const begun = await this.#begin(signal);
      const location = await this.#patch(begun, { headers: octets, body, signal });
      await this.#finish(location, await whole, signal);
    } catch (error) {
      await whole;
      throw this.#afterRefusal(error, Number.POSITIVE_INFINITY);
    }
  }

  async #sendChunk(location: string, { size, open }: WholeBlob, { signal, sent }: UploadAttempt): Promise<string> {
    const start = this.#offset;
    const end = Math.min(size, start + this.#chunk);
    const whole = start === 0 && end === size;
    const headers = whole ? octets : { ...octets, 'Content-Range': `${start}-${end - 1}` };
    const body = { size: end - start, open: () => counted(open(start, end), bytes => sent(start + bytes, size)) };
    try {
      const next = await this.#patch(location, { headers, body, signal });
      this.#offset = end;
      return next;
    } catch (error) {
      throw this.#afterRefusal(error, end - start);
    }
  }

  async #patch(path: string, rest: Pick<RepositoryRequest, 'headers' | 'body' | 'signal'>): Promise<string> {
    const response = await this.#endpoint.request({ method: 'PATCH', path, ...rest });
    discard(response);
    return this.#moved(response, path);
  }

  async #finish(location: string, { digest }: WholeBlob, signal: AbortSignal): Promise<void> {
    const url = new URL(location);
    url.searchParams.set('digest', digest);
    const response = await this.#endpoint.request({ method: 'PUT', path: url.href, headers: octets, signal });
    discard(response);
  }

  /** A long body that is refused goes in pieces the next time; a range that does not fit begins from nothing. */
  #afterRefusal(error: unknown, length: number): unknown {
    if (!isRegistryError(error)) return error;
    if (error.status === 416) this.#location = undefined;
    const tooLong = error.status === 413 && length > smallChunk;
    if (tooLong) this.#chunk = smallChunk;
    if (!tooLong && error.status !== 416) return error;
    return new RegistryError(error.message, { status: error.status, transient: true, cause: error });
  }

  #moved(response: IncomingMessage, path: string): string {
    const { location } = response.headers;
    if (!location) throw new RegistryError('the registry did not say where to upload to');
    this.#location = this.#endpoint.resolved(location, path);
    return this.#location;
  }
}

/** Tells how many bytes of a stream have been read. */
function counted(stream: Readable, tell: (bytes: number) => void): Readable {
  let bytes = 0;
  return stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    tell(bytes);
  });
}
