import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { invalidArgument, unavailable } from '../../contracts/errors.ts';
import type { DiffId } from '../../contracts/oci/digest.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import type { Compression } from './archive.ts';
import { TarReader, type TarSink } from './tar-reader.ts';

/** Large pieces: each costs a turn of the event loop. Decompression itself runs in the thread pool, beside this thread. */
const pieceBytes = 256 * 1024;
const aheadBytes = 4 * 1024 * 1024;

/** The bytes of a tar, decompressed as they come. */
export function decompressed(source: Readable, compression: Compression): AsyncIterable<Buffer> {
  if (compression === 'none') return source;
  const options = { chunkSize: pieceBytes, readableHighWaterMark: aheadBytes, writableHighWaterMark: aheadBytes };
  const decompressor = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  source.on('error', error => decompressor.destroy(error));
  return source.pipe(decompressor);
}

/** Feeds an archive to `sink` and tells the digest of all of its bytes, those after its end included. */
export async function readArchive(pieces: AsyncIterable<Buffer>, sink: TarSink, signal: AbortSignal): Promise<DiffId> {
  const hash = createHash('sha256');
  const reader = new TarReader(sink);
  for await (const piece of pieces) {
    signal.throwIfAborted();
    hash.update(piece);
    reader.push(piece);
  }
  reader.finish();
  return `sha256:${hash.digest('hex')}` as DiffId;
}

/** Errors of zlib, of the disk and of the kernel in words for a person. */
export function explained(error: unknown): unknown {
  const code = isSyscallError(error) ? error.code : String((error as { code?: unknown } | undefined)?.code);
  if (code === 'ENOSPC') return unavailable('no space left on device', { cause: error });
  if (code === 'EDQUOT') return unavailable('disk quota exceeded', { cause: error });
  if (code === 'Z_BUF_ERROR') return invalidArgument('unexpected EOF', { cause: error });
  if (code === 'Z_DATA_ERROR')
    return invalidArgument(`invalid gzip data: ${(error as Error).message}`, { cause: error });
  if (code.startsWith('ZSTD_'))
    return invalidArgument(`invalid zstd data: ${(error as Error).message}`, { cause: error });
  return error;
}

/** A stream over pieces that arrive otherwise. */
export const toStream = (pieces: AsyncIterable<Buffer>): Readable =>
  Readable.from(pieces, { objectMode: false, highWaterMark: aheadBytes });
