import { createHash } from 'node:crypto';
import type { Transform, Writable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { bytesPassed, giveBack } from '../../base/passing-bytes.ts';
import { invalidArgument, notImplemented, unavailable } from '../../contracts/errors.ts';
import type { DiffId } from '../../contracts/oci/digest.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import type { Compression } from './archive.ts';
import { type Allowance, withinReason } from './bombs.ts';
import { TarReader, type TarSink } from './tar-reader.ts';

/** Large pieces: each costs a turn of the event loop. Decompression itself runs in the thread pool, beside this thread. */
const pieceBytes = 256 * 1024;
const piecesAhead = 8;

/** The bytes of a tar, decompressed as they come; with an allowance, no more than that. The memory of `source` is gone afterwards. */
export function decompressed(
  source: AsyncIterable<Buffer>,
  compression: Compression,
  allowance?: Allowance,
): AsyncIterable<Buffer> {
  if (compression === 'none') return source;
  // of objects, each piece is read by itself: else they are copied into one
  const options = { chunkSize: pieceBytes, readableObjectMode: true, readableHighWaterMark: piecesAhead };
  const decompressor = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  void feed(source, decompressor);
  return allowance ? withinReason(decompressor, () => decompressor.bytesWritten, allowance) : decompressor;
}

/** The next piece is fetched while one is decompressed. The decompressor's reader is told of every error. */
async function feed(source: AsyncIterable<Buffer>, decompressor: Transform): Promise<void> {
  let taken: Promise<void> = Promise.resolve();
  try {
    for await (const piece of source) {
      await taken;
      taken = written(decompressor, piece).then(() => giveBack(piece));
      taken.catch(() => undefined); // seen with the next piece
    }
    await taken;
    decompressor.end();
  } catch (error) {
    decompressor.destroy(error as Error);
  }
}

const written = (target: Writable, piece: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    target.once('close', reject);
    target.write(piece, error => {
      target.off('close', reject);
      if (error) reject(error);
      else resolve();
    });
  });

/** Which compression an archive begins with. @throws not-implemented for those that nobody has sent yet */
export function compressionOf(head: Buffer): Compression {
  const magic = head.toString('hex', 0, 6);
  if (magic.startsWith('1f8b')) return 'gzip';
  if (magic.startsWith('28b52ffd')) return 'zstd';
  if (magic.startsWith('425a68')) throw notImplemented('archives compressed with bzip2 are not supported');
  if (magic === 'fd377a585a00') throw notImplemented('archives compressed with xz are not supported');
  return 'none';
}

/** An archive of a client, who may have compressed it. */
export async function* maybeDecompressed(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = pieces[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 6) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  yield* decompressed(all(), compressionOf(head));
}

/**
 * Feeds an archive to `sink` and tells the digest of all of its bytes, those after its end included. The pieces are its own:
 * their memory is gone afterwards.
 */
export async function readArchive(pieces: AsyncIterable<Buffer>, sink: TarSink, signal: AbortSignal): Promise<DiffId> {
  const hash = createHash('sha256');
  const reader = new TarReader(sink);
  for await (const piece of pieces) {
    signal.throwIfAborted();
    hash.update(piece);
    reader.push(piece);
    bytesPassed(piece.length);
    giveBack(piece);
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
