import type { Clock } from '../../base/clock.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import type { Repository } from '../registry/index.ts';
import { backOff, defaultAttempts, defaultRetryDelayMs, mayTryAgain } from './download.ts';
import { type LayerNews, layerMessage, type Progress, shortId, throttled } from './progress.ts';
import { isForeign } from './push-manifest.ts';
import { Semaphore } from './semaphore.ts';

export interface UploadRooms {
  content: ContentStore;
  clock: Clock;
  /** Docker's `max-concurrent-uploads`: 5. Asked each time, as it may change. */
  uploads?: () => number;
  attempts?: () => number;
  retryDelayMs?: number;
}

/** A layer on its way; `blob` may have to be made first. */
export interface OutgoingLayer<Blob extends Descriptor> {
  /** What its lines begin with. */
  diffId: Digest;
  blob(): Promise<Blob>;
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
    if (await repository.hasBlob(digest, signal)) return;
    const task = { repository, signal, progress: () => undefined, sourceOf: () => undefined };
    await this.#send({ digest, size: this.#rooms.content.sizeOf(digest) }, task, () => undefined);
  }

  async #layer<Blob extends Descriptor>(
    layer: OutgoingLayer<Blob>,
    task: UploadTask,
    tell: (news: LayerNews) => void,
  ): Promise<Blob> {
    const blob = await layer.blob();
    task.signal.throwIfAborted();
    tell({ action: isForeign(blob) ? 'Skipped foreign layer' : await this.#bring(blob, task, tell) });
    return blob;
  }

  /** How the registry came to have the blob, in dockerd's words. */
  async #bring(blob: Descriptor, task: UploadTask, tell: (news: LayerNews) => void): Promise<string> {
    if (await task.repository.hasBlob(blob.digest, task.signal)) return 'Layer already exists';
    const wasSent = await this.#send(blob, task, tell);
    return wasSent ? 'Pushed' : `Mounted from ${task.sourceOf(blob.digest)}`;
  }

  async #send(
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    { repository, signal, sourceOf }: UploadTask,
    tell: (news: LayerNews) => void,
  ): Promise<boolean> {
    const { content, clock, retryDelayMs = defaultRetryDelayMs } = this.#rooms;
    const attempts = this.#rooms.attempts?.() ?? defaultAttempts;
    const open = (start: number, end: number) => content.stream(digest, start, end);
    const upload = repository.upload({ digest, size, open }, sourceOf(digest));
    const sent = (current: number): void => tell({ action: 'Pushing', current, total: size });
    for (let failures = 1; ; failures++) {
      try {
        return await upload.attempt({ signal, sent });
      } catch (error) {
        signal.throwIfAborted();
        if (!mayTryAgain(error) || failures >= attempts) throw error;
        await backOff(failures, error, { clock, retryDelayMs, signal, tell });
      }
    }
  }
}
