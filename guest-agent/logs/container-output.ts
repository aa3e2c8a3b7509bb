import type { StreamName } from './json-line.ts';

/** Bytes of one stream, in order. */
export interface OutputChunk {
  stream: StreamName;
  data: Buffer;
  time: Date;
  /** From a log only: the time to its last digit, RFC 3339. */
  timestamp?: string;
  /** From a log only: labels and environment that the log was told to carry. */
  attributes?: Record<string, string>;
}

/** May return a promise: until it is fulfilled that stream is not read on, and the container waits if it must. */
export type OutputListener = (chunk: OutputChunk) => void | Promise<void>;

/** What a running process says. */
export interface ContainerOutput {
  /** Live bytes from now on. Returns how to stop. */
  subscribe(listener: OutputListener): () => void;
  /** All streams have come to their end, and everything is in the log. */
  readonly ended: Promise<void>;
  /** Bytes that have been taken so far: while they grow, the end is on its way. */
  readonly taken: number;
  /** Takes what is there now for the end: a grandchild may hold a pipe open for ever. {@link ended} follows. */
  cut(): void;
  /** Lets go of what has not ended. Nothing is lost: who opens it again goes on where this one stopped. */
  close(): void;
}

/** The listeners of one output. */
export class Listeners {
  readonly #listeners = new Set<OutputListener>();

  add(listener: OutputListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** False when nobody is there to be told. */
  get any(): boolean {
    return this.#listeners.size > 0;
  }

  /** Undefined when nobody wants to be waited for. */
  tell(stream: StreamName, data: Buffer): Promise<unknown> | undefined {
    if (!this.any) return undefined;
    const chunk: OutputChunk = { stream, data, time: new Date() };
    const waits = [...this.#listeners].map(listener => listener(chunk)).filter(wait => wait !== undefined);
    return waits.length > 0 ? Promise.allSettled(waits) : undefined;
  }
}
