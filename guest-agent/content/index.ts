/**
 * Blobs by digest: manifests, configurations and packed layers, all that an image is made of.
 *
 * A blob lives at `<root>/blobs/sha256/<hex>` and is there only when it is whole: it is written to a file in
 * `<root>/ingest`, hashed on the way, checked for length and digest, made durable (fsync), renamed, and the folder
 * is made durable too. So what has its final name was verified, even after a power cut.
 *
 * A download that was cut off stays as `<root>/ingest/<hex>.partial` and goes on from where it stopped, in this
 * life of the engine or the next, for a day, unless somebody prunes or the disk is full; what was written without knowing the digest (`docker load`) is dropped at start.
 *
 * Nobody counts references. Whoever needs blobs that no image names yet holds a lease on them; `sweep` is told what
 * is named and removes the rest, leases aside.
 */
export { type ContentStore, openContentStore } from './content-store.ts';
export { DigestMismatchError, type DownloadedBlob, type Ingest, type IngestedBlob, type Spool } from './ingest.ts';
export type { Lease } from './leases.ts';
