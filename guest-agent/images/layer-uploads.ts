import type { Clock } from '../../base/clock.ts';
import { Semaphore } from '../../base/semaphore.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import type { BlobSource, Repository } from '../registry/index.ts';
import { backOff, defaultAttempts, defaultRetryDelayMs, mayTryAgain } from './download.ts';
import { type LayerNews, layerMessage, type Progress, shortId, throttled } from './progress.ts';
import { isForeign } from './push-manifest.ts';
import type { Participant } from './shared-work.ts';

export interface UploadRooms {
  content: ContentStore;
  clock: Clock;
  /** Docker's `max-concurrent-uploads`: 5. Asked each time, as it may change. */
  uploads?: () => number;
  attempts?: () => number;
  retryDelayMs?: number;
}

/** A layer on its way. */
export interface OutgoingLayer<Blob extends Descriptor> {
  /** What its lines begin with. */
  diffId: Digest;
  /** How the registry may have it already, the likeliest first. */
  known: readonly Blob[];
  /** Begins to make what is to be sent. */
  pack(signal: AbortSignal): Promise<PackedLayer<Blob>>;
}

export interface PackedLayer<Blob extends Descriptor> {
  source: BlobSource;
  /** What it is in the end. */
  blob: Promise<Blob>;
  /** How to tell that so many bytes of it are sent; of how many, where that is known. */
  progress(sent: number, of: number | undefined): { current: number; total: number };
  close(): Promise<void>;
}

export interface UploadTask {
  repository: Repository;
  progress: Progress;
  signal: AbortSignal;
  /** The repository of the same registry that may have a blob. */
  sourceOf(digest: Digest): string | undefined;
}

const defaultUploads = 5;

/** Brings blobs to registries: asks whether they are there, has them mounted from a neighbour, or sends them. */
export class LayerUploads {
  readonly #rooms: UploadRooms;
  readonly #places: Semaphore;

  constructor(rooms: UploadRooms) {
    this.#rooms = rooms;
    this.#places = new Semaphore(rooms.uploads ?? (() => defaultUploads));
  }

  /** All layers of an image, lowest first, of which dockerd tells the uppermost first. The first that fails stops all. */
  async layers<Blob extends Descriptor>(layers: readonly OutgoingLayer<Blob>[], task: UploadTask): Promise<Blob[]> {
    const failed = new AbortController();
    const signal = AbortSignal.any([task.signal, failed.signal]);
    const sent = new Map<Digest, Promise<Blob>>();
    for (const layer of layers.toReversed()) {
      if (sent.has(layer.diffId)) continue;
      const id = shortId(layer.diffId);
      const tell = throttled(news => task.progress(layerMessage(id, news)));
      tell({ action: 'Preparing' });
      const work = this.#places.run(
        () => this.#layer(layer, { ...task, signal }, tell),
        signal,
        () => tell({ action: 'Waiting' }),
      );
      work.catch(error => failed.abort(error));
      sent.set(layer.diffId, work);
    }
    await Promise.allSettled(sent.values());
    if (failed.signal.aborted) throw failed.signal.reason;
    const all = layers.map(({ diffId }) => sent.get(diffId));
    return (await Promise.all(all)).filter(blob => blob !== undefined);
  }

  /** A small blob that is told of nowhere: an image's configuration. */
  async document(
    digest: Digest,
    { repository, signal }: { repository: Repository; signal: AbortSignal },
  ): Promise<void> {
    const quietly = { signal, tell: () => undefined };
    if (await this.#persistently(() => repository.hasBlob(digest, signal), quietly)) return;
    const open = (start: number, end: number) => this.#rooms.content.stream(digest, start, end);
    const upload = repository.upload({ digest, size: this.#rooms.content.sizeOf(digest), open });
    await this.#persistently(() => upload.attempt({ signal, sent: () => undefined }), quietly);
  }

  /** Gives `manifest` its name in the registry: the image is there. */
  async manifest(
    name: string,
    manifest: { mediaType: string; body: Buffer },
    { repository, signal }: Pick<UploadTask, 'repository' | 'signal'>,
  ): Promise<void> {
    const put = () => repository.putManifest(name, manifest, signal);
    await this.#persistently(put, { signal, tell: () => undefined });
  }

  /** How the registry has the layer from now on. */
  async #layer<Blob extends Descriptor>(
    layer: OutgoingLayer<Blob>,
    task: UploadTask,
    tell: (news: LayerNews) => void,
  ): Promise<Blob> {
    const participant = { signal: task.signal, tell };
    const there = await this.#persistently(() => this.#known(layer.known, task), participant);
    if (there) {
      tell({ action: there.how });
      return there.blob;
    }
    const packed = await layer.pack(task.signal);
    try {
      const upload = task.repository.upload(packed.source);
      const sent = (bytes: number, of: number | undefined): void =>
        tell({ action: 'Pushing', ...packed.progress(bytes, of) });
      await this.#persistently(() => upload.attempt({ signal: task.signal, sent }), participant);
    } finally {
      await packed.close();
    }
    tell({ action: 'Pushed' });
    return packed.blob;
  }

  /** A form that the registry has, or takes from a repository of its own; and how, in dockerd's words. */
  async #known<Blob extends Descriptor>(
    forms: readonly Blob[],
    { repository, signal, sourceOf }: UploadTask,
  ): Promise<{ blob: Blob; how: string } | undefined> {
    for (const blob of forms) {
      if (isForeign(blob)) return { blob, how: 'Skipped foreign layer' };
      if (await repository.hasBlob(blob.digest, signal)) return { blob, how: 'Layer already exists' };
    }
    for (const blob of forms) {
      const from = sourceOf(blob.digest);
      if (from && (await repository.mount(blob.digest, from, signal))) return { blob, how: `Mounted from ${from}` };
    }
    return undefined;
  }

  /** What a registry may do better a little later is asked of it again, and again. */
  async #persistently<T>(work: () => Promise<T>, { signal, tell }: Participant): Promise<T> {
    const { clock, retryDelayMs = defaultRetryDelayMs } = this.#rooms;
    const attempts = this.#rooms.attempts?.() ?? defaultAttempts;
    for (let failures = 1; ; failures++) {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        if (!mayTryAgain(error) || failures >= attempts) throw error;
        await backOff(failures, error, { clock, retryDelayMs, signal, tell });
      }
    }
  }
}
