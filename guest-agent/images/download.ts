import type { Readable } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import { isRegistryError, RegistryError, type Repository } from '../registry/index.ts';
import type { Participant } from './shared-work.ts';

/** Docker's `max-download-attempts`. */
export const defaultAttempts = 5;
export const defaultRetryDelayMs = 1000;
/** Who gets on may fail as often as it likes. */
const progressThatCounts = 1 << 20;

export interface DownloadOptions extends Participant {
  clock: Clock;
  attempts: number;
  /** Before the second attempt; doubled before each further one. */
  retryDelayMs: number;
}

/** Where blobs come from: a registry's repository, or whoever else keeps them. */
export type BlobOrigin = Pick<Repository, 'blob'>;

/** Remembers which mirrors a blob came from: where it is not what it should be, another may have it. */
export class Sources implements BlobOrigin {
  readonly #origin: BlobOrigin;
  readonly #mirrors = new Set<() => void>();

  constructor(origin: BlobOrigin) {
    this.#origin = origin;
  }

  async blob(...question: Parameters<BlobOrigin['blob']>): ReturnType<BlobOrigin['blob']> {
    const answer = await this.#origin.blob(...question);
    if (answer.giveUp) this.#mirrors.add(answer.giveUp);
    return answer;
  }

  /** They are asked no more. False where none of it came from a mirror. */
  giveUp(): boolean {
    for (const giveUp of this.#mirrors) giveUp();
    return this.#mirrors.size > 0;
  }
}

/** Where the bytes go; `offset` of them are there. */
export interface Sink {
  readonly offset: number;
  write(chunk: Buffer): Promise<void>;
}

/** Fetches what `sink` lacks of a blob, going on from where a broken connection stopped. The digest is not checked here. */
export async function download(
  repository: BlobOrigin,
  descriptor: Descriptor,
  sink: Sink,
  options: DownloadOptions,
): Promise<void> {
  let failures = 0;
  while (sink.offset < descriptor.size) {
    const before = sink.offset;
    try {
      await fetchRest(repository, descriptor, sink, options);
    } catch (error) {
      options.signal.throwIfAborted();
      failures = sink.offset - before >= progressThatCounts ? 1 : failures + 1;
      if (!mayTryAgain(error) || failures >= options.attempts) throw error;
      await backOff(failures, error, options);
    }
  }
}

/** A registry that answers so may answer better a little later. */
export const mayTryAgain = (error: unknown): boolean =>
  isRegistryError(error) && (error.transient || error.status === 429);

async function fetchRest(
  repository: BlobOrigin,
  { digest, size }: Descriptor,
  sink: Sink,
  { signal, tell }: DownloadOptions,
): Promise<void> {
  const { offset, stream } = await repository.blob(digest, sink.offset, signal);
  let toSkip = sink.offset - offset; // a registry that knows no ranges sends all again
  tell({ action: 'Downloading', current: sink.offset, total: size });
  for await (const chunk of bytesOf(stream)) {
    const fresh = toSkip > 0 ? chunk.subarray(toSkip) : chunk;
    toSkip -= chunk.length - fresh.length;
    if (sink.offset + fresh.length > size) {
      stream.destroy();
      throw new RegistryError(`filesystem layer verification failed for digest ${digest}`);
    }
    await sink.write(fresh);
    tell({ action: 'Downloading', current: sink.offset, total: size });
  }
  if (sink.offset < size) throw new RegistryError('unexpected EOF', { transient: true });
}

/** A connection that breaks in the middle of an answer is an early end, as Go sees it. */
async function* bytesOf(stream: Readable): AsyncGenerator<Buffer> {
  const source = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const next = await source.next().catch(error => {
      throw new RegistryError('unexpected EOF', { transient: true, cause: error });
    });
    if (next.done) return;
    yield next.value;
  }
}

/** No registry is waited for any longer than this, whatever it asks. */
const longestWaitMs = 60_000;

/** Waits before the next attempt, ever longer or as long as the registry asks, and says so. */
export async function backOff(
  failures: number,
  error: unknown,
  { clock, retryDelayMs, signal, tell }: Omit<DownloadOptions, 'attempts'>,
): Promise<void> {
  const asked = (isRegistryError(error) && error.retryAfterMs) || 0;
  const delayMs = Math.max(retryDelayMs * 2 ** (failures - 1), Math.min(asked, longestWaitMs));
  const seconds = Math.ceil(delayMs / 1000);
  tell({ action: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}` });
  await clock.sleep(delayMs, signal);
}
