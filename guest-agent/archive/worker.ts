import { constants, createReadStream } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { invalidArgument, notFound, toWire } from '../../contracts/errors.ts';
import { closeFd, O_PATH, openAt2, toBytes } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { LayerApplier } from './apply-layer.ts';
import type { UnpackedLayer } from './archive.ts';
import { allowanceAt } from './bombs.ts';
import { copyTree } from './copy-tree.ts';
import { growingFile } from './growing-file.ts';
import type { FromWorker, Job, JobResults, ToWorker } from './job.ts';
import { decompressed, explained, maybeDecompressed, readArchive } from './layer-stream.ts';
import { MappedSink } from './mapped-sink.ts';
import { inSlabs, packPath } from './pack-path.ts';
import { absolutePath, inRoot, openRoot, tooManyLinks } from './path-stat.ts';
import { receivePieces, sendPieces } from './port-stream.ts';
import { rebuildLayer } from './rebuild-layer.ts';
import { RecordingSink } from './recording-sink.ts';
import { removePath } from './remove-path.ts';
import { TreeWriter } from './tree-writer.ts';

type JobOf<K extends Job['kind']> = Job & { kind: K };
type Performer<K extends Job['kind']> = (job: JobOf<K>, signal: AbortSignal) => Promise<JobResults[K]>;

function sourceOf(job: JobOf<'unpackLayer'>, signal: AbortSignal): AsyncIterable<Buffer> {
  if (job.pieces) return receivePieces(job.pieces);
  if (job.growth) return growingFile(job.blob, job.growth, signal);
  return createReadStream(job.blob, { highWaterMark: 1024 * 1024 });
}

async function unpackLayer(job: JobOf<'unpackLayer'>, signal: AbortSignal): Promise<UnpackedLayer> {
  const root = openRoot(job.target);
  const allowance = allowanceAt(job.target);
  const applier = new LayerApplier(new TreeWriter(root), { whiteouts: 'overlay', mostFiles: allowance.files });
  const recording = job.recipe ? new RecordingSink(applier, job.recipe) : undefined;
  try {
    const tar = decompressed(sourceOf(job, signal), job.compression, allowance);
    const diffId = await readArchive(tar, recording ?? applier, signal);
    const size = applier.finish();
    if (job.expectedDiffId && job.expectedDiffId !== diffId) {
      throw invalidArgument(`wrong diff id calculated on extraction "${diffId}", expected "${job.expectedDiffId}"`);
    }
    const { linkBytes } = applier;
    return { diffId, size, linkBytes, ...(recording?.finish() ? { rebuiltBytes: recording.bytes } : {}) };
  } finally {
    recording?.close();
    applier.abandon();
    job.pieces?.close();
    closeFd(root);
  }
}

async function rebuild(job: JobOf<'rebuildLayer'>): Promise<undefined> {
  await sendPieces(job.pieces, inSlabs(rebuildLayer(job)), { transfer: true });
}

async function pack(job: JobOf<'pack'>): Promise<undefined> {
  await sendPieces(job.pieces, inSlabs(packPath(job.root, job)), { transfer: true });
}

async function unpack(job: JobOf<'unpack'>, signal: AbortSignal): Promise<undefined> {
  const root = openRoot(job.root);
  const { noOverwriteDirNonDir, owner, withRoot } = job;
  const path = absolutePath(job.path);
  const below = toBytes(path)
    .split('/')
    .filter(part => part !== '' && part !== '.');
  const applier = new LayerApplier(new TreeWriter(root, { exactTimes: withRoot }), {
    whiteouts: 'plain',
    noOverwriteDirNonDir,
    owner,
    below,
    withRoot,
  });
  try {
    assertDirectory(root, path);
    const sink = job.rootOutside ? new MappedSink(applier, job.rootOutside) : applier;
    await readArchive(maybeDecompressed(receivePieces(job.pieces)), sink, signal);
    sink.finish();
  } finally {
    applier.abandon();
    job.pieces.close();
    closeFd(root);
  }
}

function assertDirectory(root: number, path: string): void {
  try {
    closeFd(openAt2(root, toBytes(path), O_PATH | constants.O_DIRECTORY, inRoot));
  } catch (error) {
    if (isSyscallError(error, 'ENOENT')) throw notFound(path, { cause: error });
    if (isSyscallError(error, 'ENOTDIR'))
      throw invalidArgument('extraction point is not a directory', { cause: error });
    if (isSyscallError(error, 'ELOOP')) throw tooManyLinks(error);
    throw error;
  }
}

const performers: { [K in Job['kind']]: Performer<K> } = {
  unpackLayer,
  rebuildLayer: rebuild,
  pack,
  unpack,
  copyTree: async job => {
    copyTree(job);
    return undefined;
  },
  remove: async job => {
    removePath(job);
    return undefined;
  },
};

const running = new Map<number, AbortController>();

async function perform(id: number, job: Job): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  let answer: FromWorker;
  try {
    const performer = performers[job.kind] as Performer<Job['kind']>;
    answer = { id, result: await performer(job, controller.signal) };
  } catch (error) {
    answer = { id, error: toWire(explained(error)) };
  } finally {
    running.delete(id);
  }
  parentPort?.postMessage(answer);
}

parentPort?.on('message', (message: ToWorker) => {
  if ('cancel' in message) running.get(message.id)?.abort();
  else void perform(message.id, message.job);
});
