import { PassThrough, type Readable } from 'node:stream';
import { packBytes, type ServerFrame, streamWindow } from '../../contracts/bridge-frames.ts';
import { type EngineError, invalidArgument, toWire } from '../../contracts/errors.ts';
import type { Channel } from './channel.ts';

/** Credit is given back in parts of this size. */
const creditStep = streamWindow / 4;

/** One open stream, as the side that serves it sees it: what comes in, what goes out, and when it is over. */
export class ServedStream {
  readonly #channel: Channel;
  readonly #id: number;
  readonly #abort = new AbortController();
  #credit = streamWindow;
  #refilled: (() => void) | undefined;
  /** Bytes of the window that nobody has read yet. */
  #unread = 0;
  #consumed = 0;
  /** Bytes that the window sends. */
  readonly input = new PassThrough();
  /** Called with documents that the window sends. */
  onItem: (item: unknown) => void = () => undefined;

  constructor(channel: Channel, id: number) {
    this.#channel = channel;
    this.#id = id;
    this.input.on('error', () => undefined);
  }

  /** Aborted when the window wants no more, or is gone. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  item(item: unknown): void {
    this.#send({ type: 'item', id: this.#id, item });
  }

  /** Sends what `source` has, no faster than the window reads. Resolves at its end. */
  async pipe(source: Readable): Promise<void> {
    for await (const chunk of source) {
      if (this.signal.aborted) return;
      await this.#bytes(chunk as Buffer);
    }
  }

  /** Waits while the window has more than it can take. */
  async #bytes(bytes: Uint8Array): Promise<void> {
    this.#channel.sendBytes(packBytes(this.#id, bytes));
    this.#credit -= bytes.length;
    while (this.#credit <= 0 && !this.signal.aborted) {
      await new Promise<void>(resolve => {
        this.#refilled = resolve;
      });
    }
  }

  /** Bytes of the window. One that sends on without credit harms only this stream. */
  receive(bytes: Uint8Array): void {
    this.#unread += bytes.length;
    if (this.#unread > 2 * streamWindow) {
      this.fail(invalidArgument('The window sent more than it had credit for'));
      this.cancel();
      return;
    }
    this.input.write(bytes, error => {
      this.#unread -= bytes.length;
      this.#consumed += bytes.length;
      if (error || this.#consumed < creditStep) return;
      this.#send({ type: 'credit', id: this.#id, bytes: this.#consumed });
      this.#consumed = 0;
    });
  }

  refill(bytes: number): void {
    this.#credit += bytes;
    this.#refilled?.();
  }

  end(): void {
    this.#send({ type: 'end', id: this.#id });
  }

  fail(error: EngineError | unknown): void {
    this.#send({ type: 'error', id: this.#id, error: toWire(error) });
  }

  cancel(): void {
    this.#abort.abort();
    this.input.destroy();
    this.#refilled?.();
  }

  #send(frame: ServerFrame): void {
    if (!this.signal.aborted) this.#channel.sendText(JSON.stringify(frame));
  }
}
