import type { Readable } from 'node:stream';
import { type Descriptor, isIndexType, isManifestType } from '../../../contracts/oci/descriptor.ts';
import type { Digest } from '../../../contracts/oci/digest.ts';
import type { Reference } from '../../../contracts/oci/reference.ts';
import type { Repository } from '../../registry/index.ts';
import type { CacheSource } from './imported-cache.ts';
import { wholeDocument } from './whole-document.ts';

/** A cache that a registry keeps, under a name like an image's, or inside an image. */
export class RegistryCache implements CacheSource {
  readonly #repository: Repository;
  readonly #reference: Reference;
  readonly #signal: AbortSignal;

  constructor(repository: Repository, reference: Reference, signal: AbortSignal) {
    this.#repository = repository;
    this.#reference = reference;
    this.#signal = signal;
  }

  async root(): Promise<Buffer> {
    const { descriptor, body } = await this.#repository.resolve(this.#reference, this.#signal);
    return body ?? (await this.#repository.manifest(descriptor.digest, this.#signal)).body;
  }

  async document({ digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>): Promise<Buffer> {
    if (isManifestType(mediaType) || isIndexType(mediaType)) {
      return (await this.#repository.manifest(digest, this.#signal)).body;
    }
    const { stream } = await this.blob(digest, 0, this.#signal);
    return wholeDocument(stream as AsyncIterable<Buffer>, digest);
  }

  blob(digest: Digest, offset: number, signal: AbortSignal): Promise<{ offset: number; stream: Readable }> {
    return this.#repository.blob(digest, offset, signal);
  }
}
