import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { Mailbox } from '../../base/mailbox.ts';
import { EngineError, internal, invalidArgument, messageOf, unavailable } from '../../contracts/errors.ts';
import { type Compression, compressionOf, type Descriptor } from '../../contracts/oci/descriptor.ts';
import type { ChainId, DiffId, Digest } from '../../contracts/oci/digest.ts';
import type { Archive } from '../archive/index.ts';
import { type ContentStore, DigestMismatchError, type Ingest, type IngestedBlob } from '../content/index.ts';
import type { Repository } from '../registry/index.ts';
import type { Snapshots } from '../snapshots/index.ts';
import { defaultAttempts, defaultRetryDelayMs, download } from './download.ts';
import type { LayerBlob } from './image.ts';
import { diskFullText, isDiskFull } from './pull-errors.ts';
import { Semaphore } from './semaphore.ts';
import { type Participant, SharedWork } from './shared-work.ts';

export interface TransferRooms {
  content: ContentStore;
  snapshots: Snapshots;
  archive: Archive;
  clock: Clock;
  /** Docker's `max-concurrent-downloads`. */
  downloads?: () => number;
  attempts?: () => number;
  retryDelayMs?: number;
}

/** One layer of an image that is being pulled. */
export interface WantedLayer {
  chainId: ChainId;
  /** There already, or obtained by the same caller. */
  parent: ChainId | undefined;
  diffId: DiffId;
  descriptor: Descriptor;
  repository: Repository;
}

const defaultDownloads = 3;

/**
 * Layers on their way from a registry to a snapshot. Each is unpacked while it is still being downloaded, all of an
 * image side by side; only their commits wait for each other, lowest first. Whoever wants a layer that is on its way
 * already joins in. What was unpacked is committed only when both its digests, packed and unpacked, were right.
 */
export class LayerTransfers {
  readonly #rooms: TransferRooms;
  readonly #downloads: Semaphore;
  readonly #flights = new Map<ChainId, SharedWork<LayerBlob>>();
  readonly #locks = new Map<Digest, Mailbox>();
  readonly #made = new Map<ChainId, LayerBlob>();

  constructor(rooms: TransferRooms) {
    this.#rooms = rooms;
    this.#downloads = new Semaphore(rooms.downloads ?? (() => defaultDownloads));
  }

  /** Resolves when the layer is there, and says how it is kept. The caller holds a lease on its blob. */
  async obtain(wanted: WantedLayer, participant: Participant): Promise<LayerBlob> {
    for (let flight = this.#flights.get(wanted.chainId); flight?.abandoned; ) {
      await flight.settled();
      flight = this.#flights.get(wanted.chainId);
    }
    return (this.#flights.get(wanted.chainId) ?? this.#start(wanted)).join(participant);
  }

  /** How a layer is kept that was finished for a pull which then failed; it may be gone by now. */
  made(chainId: ChainId): LayerBlob | undefined {
    return this.#made.get(chainId);
  }

  #start(wanted: WantedLayer): SharedWork<LayerBlob> {
    const flight = new SharedWork<LayerBlob>(participant =>
      this.#make(wanted, participant).finally(() => this.#flights.delete(wanted.chainId)),
    );
    this.#flights.set(wanted.chainId, flight);
    return flight;
  }

  async #make(wanted: WantedLayer, participant: Participant): Promise<LayerBlob> {
    const attempt = { resumed: false };
    try {
      return await this.#try(wanted, participant, attempt);
    } catch (error) {
      if (!(error instanceof DigestMismatchError)) throw error;
      if (!attempt.resumed) throw verificationFailed(wanted.descriptor, error);
    }
    // What an earlier download left may have been the bad part: once more, from the first byte.
    return this.#try(wanted, participant, attempt).catch(error => {
      throw error instanceof DigestMismatchError ? verificationFailed(wanted.descriptor, error) : error;
    });
  }

  async #try(wanted: WantedLayer, participant: Participant, attempt: { resumed: boolean }): Promise<LayerBlob> {
    const draft = await this.#rooms.snapshots.prepareLayer(wanted.chainId, wanted.parent);
    try {
      const { blob, size } = await this.#fill(draft.directory, wanted, participant, attempt);
      await this.#committed(wanted.parent, participant.signal);
      await draft.commit(size);
      this.#made.set(wanted.chainId, blob);
      participant.tell({ action: 'Pull complete' });
      return blob;
    } catch (error) {
      await draft.abort();
      throw error;
    }
  }

  /** Whoever wants a layer wants its parent too, so the parent's flight is on while anybody waits for this one. */
  async #committed(parent: ChainId | undefined, signal: AbortSignal): Promise<void> {
    while (parent && !this.#rooms.snapshots.hasLayer(parent)) {
      signal.throwIfAborted();
      const flight = this.#flights.get(parent);
      if (!flight) throw internal(`layer ${parent} is missing`);
      await flight.settled();
      await nextTurn(); // an abandoned flight may be begun again, a failure be heard of by its pull
    }
    signal.throwIfAborted();
  }

  /** The lock covers the download only: whoever holds it waits for nobody else's layer. */
  async #fill(directory: string, wanted: WantedLayer, participant: Participant, attempt: { resumed: boolean }) {
    const { digest } = wanted.descriptor;
    const started = await this.#lock(digest).run(() =>
      this.#rooms.content.has(digest)
        ? this.#unpackKept(directory, wanted, participant)
        : this.#downloads.run(
            () => this.#downloadAndUnpack(directory, wanted, participant, attempt),
            participant.signal,
            () => participant.tell({ action: 'Waiting' }),
          ),
    );
    const { size, compression } = await started.unpacked;
    return { blob: { ...wanted.descriptor, compression, chainId: wanted.chainId }, size };
  }

  #lock(digest: Digest): Mailbox {
    const lock = this.#locks.get(digest) ?? new Mailbox();
    this.#locks.set(digest, lock);
    return lock;
  }

  #unpackKept(directory: string, { descriptor, diffId }: WantedLayer, { signal, tell }: Participant) {
    const blob = this.#rooms.content.pathOf(descriptor.digest);
    tell({ action: 'Download complete' });
    tell({ action: 'Extracting', current: descriptor.size, total: descriptor.size });
    return { unpacked: this.#unpack(blob, undefined, { descriptor, diffId, directory, signal }) };
  }

  async #downloadAndUnpack(
    directory: string,
    { descriptor, diffId, repository }: WantedLayer,
    { signal, tell }: Participant,
    attempt: { resumed: boolean },
  ) {
    const ingest = await this.#rooms.content.ingest(descriptor.digest);
    attempt.resumed = ingest.offset > 0;
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const unpacked = this.#unpack(ingest.readPath, ingest, { descriptor, diffId, directory, signal: either });
    unpacked.catch(error => failed.abort(error)); // no use in downloading the rest
    const stop = (error: unknown): void => failed.abort(error);
    const blob = await this.#download(ingest, { descriptor, repository, stop, signal: either, tell }).catch(
      async error => {
        stop(error);
        await unpacked.catch(() => undefined);
        signal.throwIfAborted();
        throw error instanceof DigestMismatchError ? error : failed.signal.reason; // whichever of the two failed first
      },
    );
    tell({ action: 'Extracting', current: descriptor.size, total: descriptor.size });
    const done = unpacked.finally(() => blob.close());
    done.catch(() => undefined); // awaited by the caller, once the place is free
    await blob.commit();
    return { unpacked: done };
  }

  async #download(
    ingest: Ingest,
    task: Participant & { descriptor: Descriptor; repository: Repository; stop: (error: unknown) => void },
  ): Promise<IngestedBlob> {
    const { clock, retryDelayMs = defaultRetryDelayMs } = this.#rooms;
    const attempts = this.#rooms.attempts?.() ?? defaultAttempts;
    try {
      await download(task.repository, task.descriptor, ingest, { ...task, clock, attempts, retryDelayMs });
    } catch (error) {
      task.stop(error); // before the reader of the file hears that there will be no more
      await (isDiskFull(error) ? ingest.discard() : ingest.suspend());
      throw error;
    }
    task.tell({ action: 'Verifying Checksum' });
    const blob = await ingest.finish();
    task.tell({ action: 'Download complete' });
    return blob;
  }

  async #unpack(
    blob: string,
    ingest: Ingest | undefined,
    to: { descriptor: Descriptor; diffId: DiffId; directory: string; signal: AbortSignal },
  ): Promise<{ size: number; compression: Compression }> {
    if (ingest) await firstBytes(ingest);
    const compression = await compressionIn(blob, to.descriptor);
    const { archive } = this.#rooms;
    try {
      const { size } = await archive.unpackLayer({
        blob,
        compression,
        target: to.directory,
        expectedDiffId: to.diffId,
        signal: to.signal,
        ...(ingest ? { growth: ingest.growth() } : {}),
      });
      return { size, compression };
    } catch (error) {
      if (to.signal.aborted) throw to.signal.reason;
      throw messageOf(error).startsWith('wrong diff id') ? layersDoNotMatch(error) : registrationFailed(error);
    }
  }
}

const magicLength = 4;

async function firstBytes(ingest: Ingest): Promise<void> {
  for await (const length of ingest.growth()) if (length >= magicLength) return;
}

/** What the bytes say; media types lie. Bytes that say nothing are a plain tar. */
export async function compressionIn(path: string, { mediaType }: { mediaType: string }): Promise<Compression> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magicLength), 0, magicLength, 0);
    return bytesRead < magicLength ? compressionOf(mediaType) : compressionOfBytes(buffer);
  } finally {
    await file.close();
  }
}

/** @param start the first four bytes */
export function compressionOfBytes(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  return start.length >= magicLength && start.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none';
}

const verificationFailed = ({ digest }: Descriptor, cause: unknown): EngineError =>
  unavailable(`filesystem layer verification failed for digest ${digest}`, { cause });

const layersDoNotMatch = (cause: unknown): EngineError =>
  invalidArgument("layers from manifest don't match image configuration", { cause });

/** Docker's words for a layer that could not be unpacked. */
export function registrationFailed(error: unknown): EngineError {
  const kind = error instanceof EngineError ? error.kind : 'internal';
  const text = isDiskFull(error) ? diskFullText(error) : messageOf(error);
  const words = text.replace(/(invalid tar header): .*/, '$1');
  return new EngineError(kind, `failed to register layer: ${words}`, { cause: error });
}
