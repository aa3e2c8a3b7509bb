import { containerLogs } from '../../../contracts/docker/container-routes.ts';
import type { EngineError } from '../../../contracts/errors.ts';
import type { OpenStream } from '../../bridge/index.ts';
import { type LogBuffer, LogFrames, LogMerge, sourceOf } from '../../model/index.ts';
import { engine } from '../../stores/index.ts';

/** A container whose log is shown. */
export interface LogSource {
  id: string;
  name: string;
  /** It has a terminal: its output comes without frames. */
  tty: boolean;
}

/** How much of a log is read: so many lines, or what came within so many seconds. */
export type LogRange = { tail: string } | { seconds: number };

/** Lines of several logs are put into their order within this time, in milliseconds. */
const mergeMs = 120;

/** Reads the logs of containers into one buffer, as they are written. */
export class LogFeed {
  readonly #buffer: LogBuffer;
  readonly #changed: () => void;
  readonly #failed: (error: EngineError) => void;
  readonly #streams = new Map<string, OpenStream>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(buffer: LogBuffer, changed: () => void, failed: (error: EngineError) => void) {
    this.#buffer = buffer;
    this.#changed = changed;
    this.#failed = failed;
  }

  /** Begins anew. */
  open(sources: readonly LogSource[], range: LogRange): void {
    this.close();
    this.#buffer.clear();
    const merge = sources.length > 1 ? new LogMerge(sources.length) : undefined;
    for (const [log, source] of sources.entries()) this.#open(source, log, range, merge);
    this.#changed();
  }

  isReading(id: string): boolean {
    return this.#streams.has(id);
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.cancel();
    this.#streams.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #open({ id, tty }: LogSource, log: number, range: LogRange, merge: LogMerge | undefined): void {
    const frames = new LogFrames(!tty, (line, stream) => {
      if (merge) merge.push(log, line, sourceOf(log, stream));
      else this.#buffer.push(line, sourceOf(log, stream));
    });
    const told = (): void => (merge ? this.#mergeSoon(merge) : this.#changed());
    const past =
      'tail' in range ? { tail: range.tail } : { since: String(Math.floor(Date.now() / 1000) - range.seconds) };
    const query = { follow: true, stdout: true, stderr: true, timestamps: true, ...past };
    const stream = engine.open(
      containerLogs,
      { path: { ref: id }, query },
      {
        bytes: bytes => {
          frames.push(bytes);
          told();
        },
        ended: error => {
          this.#streams.delete(id);
          frames.finish();
          told();
          if (error && error.kind !== 'unavailable') this.#failed(error);
        },
      },
    );
    this.#streams.set(id, stream);
  }

  #mergeSoon(merge: LogMerge): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      merge.drain((line, source) => this.#buffer.push(line, source));
      this.#changed();
    }, mergeMs);
  }
}
