import { Readable } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';
import type { Log } from '../../base/log.ts';
import { EngineError } from '../../contracts/errors.ts';
import type { Archive, PackRequest, UnpackedLayer, UnpackLayerRequest, UnpackRequest } from './archive.ts';
import { newGrowth, trackGrowth } from './growing-file.ts';
import { statPath } from './path-stat.ts';
import { receivePieces, sendPieces } from './port-stream.ts';
import { WorkerPool } from './worker-pool.ts';

/** Opens the room. `workerFile` is the program of its threads (`worker.ts`, or its bundle). */
export function openArchive(options: { workerFile: string; log: Log }): Archive {
  const pool = new WorkerPool(options);
  return {
    unpackLayer: request => unpackLayer(pool, request),
    pack: request => pack(pool, request),
    unpack: request => unpack(pool, request),
    stat: statPath,
    copyTree: request => pool.run({ kind: 'copyTree', ...request }).then(() => undefined),
    close: () => pool.close(),
  };
}

async function unpackLayer(pool: WorkerPool, request: UnpackLayerRequest): Promise<UnpackedLayer> {
  const { blob, stream, growth, compression, target, expectedDiffId, signal } = request;
  const job = { kind: 'unpackLayer', blob, compression, target, expectedDiffId } as const;
  if (stream) {
    const channel = new MessageChannel();
    const sent = sendPieces(channel.port1, stream, { transfer: false });
    const done = pool.run({ ...job, pieces: channel.port2 }, { signal, transfer: [channel.port2] });
    return withSource(done, sent);
  }
  if (!growth) return pool.run(job, { signal });
  const shared = newGrowth();
  let failure: unknown;
  void trackGrowth(shared, growth, error => {
    failure = error;
  });
  return pool.run({ ...job, growth: shared }, { signal }).catch(error => {
    throw failure ?? error;
  });
}

/** The worker's word counts, but when the source itself failed that is the better explanation. */
async function withSource<T>(done: Promise<T>, sent: Promise<void>): Promise<T> {
  const source = sent.then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    return await done;
  } catch (error) {
    const cause = await source;
    throw cause === undefined || isCancelled(cause) ? error : cause;
  }
}

const isCancelled = (error: unknown): boolean => error instanceof EngineError && error.kind === 'cancelled';

function pack(pool: WorkerPool, request: PackRequest): Readable {
  const { path, rename, contentsOnly = false } = request;
  const channel = new MessageChannel();
  const root = typeof request.root === 'number' ? `/proc/self/fd/${request.root}` : request.root;
  const job = { kind: 'pack', root, path, rename, contentsOnly, pieces: channel.port2 } as const;
  const done = pool.run(job, { transfer: [channel.port2] });
  done.catch(() => undefined); // told by the pieces as well
  const readable = Readable.from(receivePieces(channel.port1), { objectMode: false, highWaterMark: 1024 * 1024 });
  return readable.once('close', () => channel.port1.close());
}

async function unpack(pool: WorkerPool, request: UnpackRequest): Promise<void> {
  const { root, path, tar, noOverwriteDirNonDir, copyUIDGID, owner } = request;
  const channel = new MessageChannel();
  const sent = sendPieces(channel.port1, tar, { transfer: false });
  const job = { kind: 'unpack', root, path, noOverwriteDirNonDir, pieces: channel.port2 } as const;
  const done = pool.run({ ...job, owner: copyUIDGID ? owner : undefined }, { transfer: [channel.port2] });
  await withSource(done, sent);
}
