/** DNS over TCP (RFC 7766): each message after its length. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Puts messages together again from the pieces of a stream. */
export class MessageReader {
  readonly #listen: (message: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(listen: (message: Buffer) => void) {
    this.#listen = listen;
  }

  take(data: Buffer): void {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 2) {
      const end = 2 + this.#rest.readUInt16BE(0);
      if (this.#rest.length < end) return;
      const message = this.#rest.subarray(2, end);
      this.#rest = this.#rest.subarray(end);
      this.#listen(message);
    }
  }
}
