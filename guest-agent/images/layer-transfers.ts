import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { Mailbox } from '../../base/mailbox.ts';
import { Semaphore } from '../../base/semaphore.ts';
import { internal, messageOf } from '../../contracts/errors.ts';
import type { Compression, Descriptor } from '../../contracts/oci/descriptor.ts';
import type { ChainId, DiffId, Digest } from '../../contracts/oci/digest.ts';
import type { Archive } from '../archive/index.ts';
import { type ContentStore, DigestMismatchError, type DownloadedBlob, type Ingest } from '../content/index.ts';
import type { LayerContents, LayerDraft, Snapshots } from '../snapshots/index.ts';
import { compressionIn, magicLength } from './compression-in.ts';
import { type BlobOrigin, defaultAttempts, defaultRetryDelayMs, download, Sources } from './download.ts';
import type { LayerBlob } from './image.ts';
import { contentsOf } from './layer-archives.ts';
import { isDiskFull, layersDoNotMatch, registrationFailed, verificationFailed } from './pull-errors.ts';
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
  repository: BlobOrigin;
}

const defaultDownloads = 3;

/** Where the bytes of a layer come from. */
interface LayerSource {
  blob?: string;
  /** The blob is still being downloaded. */
  ingest?: Ingest;
  /** Not packed, whatever the layer's blob is: `as`. */
  stream?: Readable;
  as?: Compression;
}

interface FilledLayer {
  contents: LayerContents;
  compression: Compression;
}

/** One go at a layer. */
interface Attempt {
  sources: Sources;
  /** A part of it was here already. */
  isResumed: boolean;
  /** What is here of it cannot be unpacked. */
  isSpoiled: boolean;
}

/** A layer whose bytes are all here. */
interface StartedLayer {
  unpacked: Promise<FilledLayer>;
  download?: DownloadedBlob;
}

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

  /** What is not as it should be is fetched anew where another may have it, or where a part was left by an earlier download. */
  async #make(wanted: WantedLayer, participant: Participant): Promise<LayerBlob> {
    for (;;) {
      const attempt = { sources: new Sources(wanted.repository), isResumed: false, isSpoiled: false };
      try {
        return await this.#try(wanted, participant, attempt);
      } catch (error) {
        if (participant.signal.aborted || isDiskFull(error)) throw error;
        const isWrong = error instanceof DigestMismatchError;
        if (attempt.sources.giveUp() || (attempt.isResumed && (isWrong || attempt.isSpoiled))) continue;
        throw isWrong ? verificationFailed(wanted.descriptor, error) : error;
      }
    }
  }

  async #try(wanted: WantedLayer, participant: Participant, attempt: Attempt): Promise<LayerBlob> {
    const draft = await this.#rooms.snapshots.prepareLayer();
    try {
      const { blob, contents, download } = await this.#fill(draft, wanted, participant, attempt);
      try {
        await this.#committed(wanted.parent, participant.signal);
        await draft.commit({ chainId: wanted.chainId, parent: wanted.parent, ...contents });
      } catch (error) {
        await download?.leave();
        throw error;
      }
      await download?.close();
      this.#made.set(wanted.chainId, blob);
      participant.tell({ action: 'Pull complete' });
      return blob;
    } catch (error) {
      await draft.abort();
      throw error;
    }
  }

  /**
   * Whoever wants a layer wants its parent too, so the parent's flight is on while anybody waits for this one. Its end is
   * waited for, not the layer alone: what is told comes in the order of the layers.
   */
  async #committed(parent: ChainId | undefined, signal: AbortSignal): Promise<void> {
    while (parent) {
      signal.throwIfAborted();
      const flight = this.#flights.get(parent);
      if (!flight && this.#rooms.snapshots.hasLayer(parent)) break;
      if (!flight) throw internal(`layer ${parent} is missing`);
      await flight.settled();
      await nextTurn(); // an abandoned flight may be begun again, a failure be heard of by its pull
    }
    signal.throwIfAborted();
  }

  /** The lock covers the download only: whoever holds it waits for nobody else's layer. */
  async #fill(draft: LayerDraft, wanted: WantedLayer, participant: Participant, attempt: Attempt) {
    const { digest } = wanted.descriptor;
    const { download, unpacked } = await this.#lock(digest).run(() => {
      const here = this.#here(wanted);
      if (here) return this.#unpackKept(here, draft, wanted, participant);
      return this.#downloads.run(
        () => this.#downloadAndUnpack(draft, wanted, participant, attempt),
        participant.signal,
        () => participant.tell({ action: 'Waiting' }),
      );
    });
    const { contents, compression } = await unpacked;
    return { blob: { ...wanted.descriptor, compression, chainId: wanted.chainId }, contents, download };
  }

  #lock(digest: Digest): Mailbox {
    const lock = this.#locks.get(digest) ?? new Mailbox();
    this.#locks.set(digest, lock);
    return lock;
  }

  /** The same layer on another one, or its blob. */
  #here({ descriptor: { digest }, diffId }: WantedLayer): LayerSource | undefined {
    const { content, snapshots, archive } = this.#rooms;
    if (content.has(digest)) return { blob: content.pathOf(digest) };
    for (const twin of this.#made.values()) {
      const made = twin.digest === digest ? snapshots.packedFrom(twin.chainId) : undefined;
      if (made?.diffId === diffId) return { stream: archive.rebuildLayer(made), as: twin.compression };
    }
    return undefined;
  }

  async #unpackKept(
    source: LayerSource,
    draft: LayerDraft,
    { descriptor, diffId }: WantedLayer,
    { signal, tell }: Participant,
  ): Promise<StartedLayer> {
    tell({ action: 'Download complete' });
    tell({ action: 'Extracting', current: descriptor.size, total: descriptor.size });
    return { unpacked: this.#unpack(source, { descriptor, diffId, draft, signal }) };
  }

  async #downloadAndUnpack(
    draft: LayerDraft,
    { descriptor, diffId }: WantedLayer,
    { signal, tell }: Participant,
    attempt: Attempt,
  ): Promise<StartedLayer> {
    const ingest = await this.#rooms.content.ingest(descriptor.digest);
    attempt.isResumed = ingest.offset > 0;
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const unpacked = this.#unpack({ blob: ingest.readPath, ingest }, { descriptor, diffId, draft, signal: either });
    unpacked.catch(error => {
      attempt.isSpoiled ||= !either.aborted;
      failed.abort(error); // no use in downloading the rest
    });
    const stop = (error: unknown): void => failed.abort(error);
    const blob = await this.#download(ingest, { descriptor, attempt, stop, signal: either, tell }).catch(
      async error => {
        stop(error);
        await unpacked.catch(() => undefined);
        signal.throwIfAborted();
        throw error instanceof DigestMismatchError ? error : failed.signal.reason; // whichever of the two failed first
      },
    );
    tell({ action: 'Extracting', current: descriptor.size, total: descriptor.size });
    const done = unpacked.then(layer => this.#keepIfNeeded(blob, layer)).catch(error => leftBy(blob, error, signal));
    done.catch(() => undefined); // awaited by the caller, once the place is free
    return { unpacked: done, download: blob };
  }

  /** The blob stays where the files alone do not give it back. */
  async #keepIfNeeded(blob: DownloadedBlob, layer: FilledLayer): Promise<FilledLayer> {
    if (!layer.contents.archive && !this.#rooms.content.has(blob.digest)) await blob.commit();
    return layer;
  }

  async #download(
    ingest: Ingest,
    task: Participant & { descriptor: Descriptor; attempt: Attempt; stop: (error: unknown) => void },
  ): Promise<DownloadedBlob> {
    const { clock, retryDelayMs = defaultRetryDelayMs } = this.#rooms;
    const attempts = this.#rooms.attempts?.() ?? defaultAttempts;
    try {
      await download(task.attempt.sources, task.descriptor, ingest, { ...task, clock, attempts, retryDelayMs });
    } catch (error) {
      task.stop(error); // before the reader of the file hears that there will be no more
      await (isDiskFull(error) || task.attempt.isSpoiled ? ingest.discard() : ingest.suspend());
      throw error;
    }
    task.tell({ action: 'Verifying Checksum' });
    const blob = await ingest.finish();
    task.tell({ action: 'Download complete' });
    return blob;
  }

  async #unpack(
    { blob = '', ingest, stream, as }: LayerSource,
    to: { descriptor: Descriptor; diffId: DiffId; draft: LayerDraft; signal: AbortSignal },
  ): Promise<FilledLayer> {
    if (ingest) await firstBytes(ingest);
    const compression = stream ? 'none' : await compressionIn(blob, to.descriptor);
    const { archive } = this.#rooms;
    try {
      const unpacked = await archive.unpackLayer({
        blob,
        compression,
        target: to.draft.directory,
        recipe: to.draft.recipe,
        expectedDiffId: to.diffId,
        signal: to.signal,
        ...(stream ? { stream } : {}),
        ...(ingest ? { growth: ingest.growth() } : {}),
      });
      return { contents: contentsOf(unpacked), compression: as ?? compression };
    } catch (error) {
      if (to.signal.aborted) throw to.signal.reason;
      throw messageOf(error).startsWith('wrong diff id') ? layersDoNotMatch(error) : registrationFailed(error);
    }
  }
}

/** What was downloaded in vain goes, unless it was merely given up. */
async function leftBy(blob: DownloadedBlob, error: unknown, signal: AbortSignal): Promise<never> {
  await (signal.aborted ? blob.leave() : blob.close());
  throw error;
}

async function firstBytes(ingest: Ingest): Promise<void> {
  for await (const length of ingest.growth()) if (length >= magicLength) return;
}
