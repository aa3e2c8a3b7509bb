/**
 * Tar archives in and out of trees that nobody should trust: image layers, `docker cp`, `docker export`, and the first
 * contents of a volume.
 *
 * The work is done in worker threads (`worker.ts`), which come when there is work and end when there has been none for
 * ten seconds. Inside a thread everything is synchronous, for a layer has ten thousand members and each costs five
 * system calls; only bytes come asynchronously: from a blob on disk, from one that a download is still writing, or from
 * a stream of the main thread. Decompression runs beside the thread, in libuv's pool; the digest of the uncompressed
 * bytes is taken on the way, so a layer is read once.
 *
 * No path is ever joined and opened. A parent directory is resolved by the kernel inside the root (openat2(2),
 * RESOLVE_IN_ROOT) and the last name is used from its descriptor without following it; see `tree-writer.ts` for what is
 * made and `walk.ts` for what is read. Names are byte strings, as file names need not be UTF-8.
 *
 * Nothing is synced here: an image layer becomes durable by one syncfs(2) when its snapshot is committed.
 */
export type {
  Archive,
  Compression,
  PackRequest,
  PathStat,
  RebuildLayerRequest,
  UnpackedLayer,
  UnpackLayerRequest,
  UnpackRequest,
} from './archive.ts';
export { allowanceAt, checkReason } from './bombs.ts';
export { openArchive } from './open-archive.ts';
