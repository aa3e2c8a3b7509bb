import { Writable } from 'node:stream';
import { invalidArgument } from '../../contracts/errors.ts';
import type { OutputChunk } from '../logs/index.ts';
import { DetachScanner, defaultDetachKeys, parseDetachKeys } from './detach-keys.ts';
import type { AttachSession } from './engine.ts';
import type { InputSink } from './input.ts';
import { Queue } from './queue.ts';

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  terminal: boolean;
  detachKeys?: string;
  /** The end of this client's input is the end of the process's input. */
  endsInput: boolean;
  onDetach: () => void;
}

interface Listener {
  stdout: boolean;
  stderr: boolean;
  queue: Queue<OutputChunk>;
}

/** Beyond this a client is slow, and the process waits for it rather than our memory fill. */
const mostWaitingChunks = 16;

/**
 * Everybody who is attached to one process, perhaps before it runs: input waits until it does, output comes once it
 * has any, and all is over when the process is.
 */
export class Streams {
  readonly #listeners = new Set<Listener>();
  #sink = Promise.withResolvers<InputSink | undefined>();
  #current: InputSink | undefined;

  /** The process runs; `sink` is absent when it has no open stdin. */
  opened(sink: InputSink | undefined): void {
    this.#current = sink;
    this.#sink.resolve(sink);
  }

  /** A promise asks the process to wait until a slow client has taken what it was told. */
  broadcast(chunk: OutputChunk): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (const listener of this.#listeners) {
      if (!listener[chunk.stream]) continue;
      listener.queue.push(chunk);
      if (listener.queue.length > mostWaitingChunks) waits.push(listener.queue.drained());
    }
    return waits.length > 0 ? Promise.all(waits).then(() => undefined) : undefined;
  }

  /** The process is done, or did not even start: every session ends, the next run begins afresh. */
  ended(): void {
    this.#sink.resolve(undefined);
    this.#current?.close();
    this.#current = undefined;
    this.#sink = Promise.withResolvers();
    for (const listener of this.#listeners) listener.queue.end();
  }

  /** @throws invalid-argument when the detach keys are none */
  attach(options: AttachOptions): AttachSession {
    const keys = detachKeysOf(options.detachKeys || defaultDetachKeys);
    const listener: Listener = {
      stdout: options.stdout,
      stderr: options.stderr,
      queue: new Queue(() => this.#listeners.delete(listener)),
    };
    this.#listeners.add(listener);
    const detach = (): void => {
      options.onDetach();
      listener.queue.end();
    };
    const scanner = options.terminal ? new DetachScanner(keys) : undefined;
    const input = options.stdin ? inputOf(this.#sink.promise, scanner, detach, options.endsInput) : undefined;
    return {
      terminal: options.terminal,
      output: listener.queue,
      input,
      close: () => {
        listener.queue.end();
        input?.destroy();
      },
    };
  }
}

/** @throws invalid-argument in Docker's words */
function detachKeysOf(text: string): ReturnType<typeof parseDetachKeys> {
  try {
    return parseDetachKeys(text);
  } catch (error) {
    throw invalidArgument(`Invalid detach keys (${text}) provided`, { cause: error });
  }
}

/** What a client types, on its way to the process. Bytes that come early wait: the stream takes no more meanwhile. */
function inputOf(
  sink: Promise<InputSink | undefined>,
  scanner: DetachScanner | undefined,
  detach: () => void,
  endsInput: boolean,
): Writable {
  const input = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { pass, detached } = scanner ? scanner.scan(chunk) : { pass: chunk, detached: false };
      if (detached) detach();
      void sink.then(target => (pass.length > 0 ? target?.write(pass) : undefined)).then(() => done());
    },
    final(done) {
      if (endsInput) void sink.then(target => target?.end());
      done();
    },
  });
  input.on('error', () => undefined); // the client went away
  return input;
}
