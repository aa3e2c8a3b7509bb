import { Readable } from 'node:stream';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Log } from '../../base/log.ts';
import type { Archive, PackRequest, UnpackedLayer, UnpackLayerRequest, UnpackRequest } from './archive.ts';
import { newGrowth, trackGrowth } from './growing-file.ts';
import type { Job } from './job.ts';
import { statPath } from './path-stat.ts';
import { receivePieces, sendPieces } from './port-stream.ts';
import { WorkerPool } from './worker-pool.ts';

/** Opens the room. `workerFile` is the program of its threads (`worker.ts`, or its bundle). */
export function openArchive(options: { workerFile: string; log: Log }): Archive {
  const pool = new WorkerPool(options);
  return {
    unpackLayer: request => unpackLayer(pool, request),
    rebuildLayer: request => receive(pool, pieces => ({ kind: 'rebuildLayer', ...request, pieces })),
    pack: request => pack(pool, request),
    unpack: request => unpack(pool, request),
    stat: statPath,
    copyTree: request => pool.run({ kind: 'copyTree', ...request }).then(() => undefined),
    remove: request => pool.run({ kind: 'remove', ...request }).then(() => undefined),
    close: () => pool.close(),
  };
}

async function unpackLayer(pool: WorkerPool, request: UnpackLayerRequest): Promise<UnpackedLayer> {
  const { blob, stream, growth, compression, target, expectedDiffId, recipe, signal } = request;
  const job = { kind: 'unpackLayer', blob, compression, target, expectedDiffId, recipe } as const;
  if (stream) {
    const pieces = send(stream);
    return pool.run({ ...job, pieces }, { signal, transfer: [pieces] });
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

/** Sends a stream along with a job. It is left as it is when the job ends early: a request's body is its server's. */
function send(stream: Readable): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const pieces = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  sendPieces(port1, pieces, { transfer: false }).catch(() => undefined); // the job's reader is told
  return port2;
}

function pack(pool: WorkerPool, request: PackRequest): Readable {
  const { path, rename, contentsOnly = false, asLayer = false, exact = false, hidden, rootOutside } = request;
  const root = typeof request.root === 'number' ? `/proc/self/fd/${request.root}` : request.root;
  const job = { kind: 'pack', root, path, rename, contentsOnly, asLayer, exact, hidden, rootOutside } as const;
  return receive(pool, pieces => ({ ...job, pieces }));
}

/** What a job makes, as a stream. */
function receive(pool: WorkerPool, jobWith: (pieces: MessagePort) => Job): Readable {
  const channel = new MessageChannel();
  const done = pool.run(jobWith(channel.port2), { transfer: [channel.port2] });
  done.catch(() => undefined); // told by the pieces as well
  const readable = Readable.from(receivePieces(channel.port1), { objectMode: false, highWaterMark: 1024 * 1024 });
  return readable.once('close', () => channel.port1.close());
}

async function unpack(pool: WorkerPool, request: UnpackRequest): Promise<void> {
  const { root, path, tar, noOverwriteDirNonDir, copyUIDGID, owner, rootOutside, withRoot = false } = request;
  const pieces = send(tar);
  const job = { kind: 'unpack', root, path, noOverwriteDirNonDir, withRoot, pieces, rootOutside } as const;
  await pool.run({ ...job, owner: copyUIDGID ? owner : undefined }, { transfer: [pieces] });
}
