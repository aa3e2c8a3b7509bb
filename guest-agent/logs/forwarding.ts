import { randomBytes } from 'node:crypto';
import type { LogDriver } from './driver.ts';
import { type Entry, EntrySplitter } from './entries.ts';
import { nowNs, type StreamName } from './json-line.ts';

const newline = 10;

/** Hands a container's entries to its driver, with what they say about long lines. */
export class Forwarding {
  readonly #driver: LogDriver;
  readonly #parts: Record<StreamName, { id: string; ordinal: number } | undefined> = {
    stdout: undefined,
    stderr: undefined,
  };
  readonly #splitters = { stdout: new EntrySplitter(0), stderr: new EntrySplitter(0) };

  readonly #closings: Set<Promise<void>>;

  /** `closings` are the ends under way, its own among them. */
  constructor(driver: LogDriver, closings: Set<Promise<void>>) {
    this.#driver = driver;
    this.#closings = closings;
  }

  /** A promise when the far end is slow. */
  entries(stream: StreamName, entries: readonly Entry[]): Promise<unknown> | undefined {
    const time = nowNs();
    const waits = entries
      .map(entry => this.#driver.write(this.#line(stream, entry, time)))
      .filter(wait => wait !== undefined);
    return waits.length > 0 ? Promise.all(waits) : undefined;
  }

  /** Bytes that nobody has cut into entries. */
  bytes(stream: StreamName, data: Buffer): Promise<unknown> | undefined {
    return this.entries(stream, this.#splitters[stream].push(data));
  }

  close(): Promise<void> {
    const closing = this.#end().finally(() => this.#closings.delete(closing));
    this.#closings.add(closing);
    return closing;
  }

  async #end(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) await this.entries(stream, this.#splitters[stream].finish());
    await this.#driver.close();
  }

  #line(stream: StreamName, { data }: Entry, time: bigint): Parameters<LogDriver['write']>[0] {
    const whole = data.at(-1) === newline;
    const line = whole ? data.subarray(0, -1) : data;
    const before = this.#parts[stream];
    if (whole && !before) return { stream, line, time };
    const part = { id: before?.id ?? randomBytes(32).toString('hex'), ordinal: (before?.ordinal ?? 0) + 1 };
    this.#parts[stream] = whole ? undefined : part;
    return { stream, line, time, partial: { ...part, last: whole } };
  }
}
