import { streamWindow } from '../../contracts/bridge-frames.ts';

/** A part of a file that is read at once; a frame of the bridge. */
const step = 1 << 18;

/** The bytes that a window sends on one stream: no more than the other side has room for. */
export class Upload {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #end: () => void;
  readonly #waiting: Uint8Array[] = [];
  #credit = streamWindow;
  #finished = false;
  #drained: (() => void) | undefined;

  constructor(send: (bytes: Uint8Array) => void, end: () => void) {
    this.#send = send;
    this.#end = end;
  }

  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += step) this.#waiting.push(bytes.subarray(at, at + step));
    this.#flush();
  }

  async sendBlob(blob: Blob): Promise<void> {
    for (let at = 0; at < blob.size; at += step) {
      if (this.#waiting.length > 0) {
        await new Promise<void>(resolve => {
          this.#drained = resolve;
        });
      }
      this.send(new Uint8Array(await blob.slice(at, at + step).arrayBuffer()));
    }
    this.finish();
  }

  finish(): void {
    this.#finished = true;
    this.#flush();
  }

  refill(bytes: number): void {
    this.#credit += bytes;
    this.#flush();
  }

  #flush(): void {
    while (this.#credit > 0) {
      const bytes = this.#waiting.shift();
      if (!bytes) break;
      this.#credit -= bytes.length;
      this.#send(bytes);
    }
    if (this.#waiting.length > 0) return;
    this.#drained?.();
    this.#drained = undefined;
    if (!this.#finished) return;
    this.#finished = false;
    this.#end();
  }
}
