import type { Digest } from '../../contracts/oci/digest.ts';

/** Protection from `sweep` for blobs that no record names yet; held while an image is being made. */
export interface Lease {
  protect(digest: Digest): void;
  /** Gives everything back; may be called twice. */
  release(): void;
}

/** The leases of this process. They need no disk: after a crash, what they guarded is garbage. */
export class Leases {
  readonly #held = new Set<Set<Digest>>();

  take(): Lease {
    const digests = new Set<Digest>();
    this.#held.add(digests);
    return {
      protect: digest => digests.add(digest),
      release: () => this.#held.delete(digests),
    };
  }

  protects(digest: Digest): boolean {
    for (const digests of this.#held) if (digests.has(digest)) return true;
    return false;
  }
}
