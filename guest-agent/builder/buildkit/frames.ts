const headerBytes = 5;
/** Nobody has more to say at once, in bytes; whoever announces more is not listened to. */
const longest = 256 * 1024 * 1024;

/** One message of a gRPC stream, not packed. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(headerBytes + message.length);
  framed.writeUInt8(0, 0);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, headerBytes);
  return framed;
}

/** Cuts a gRPC stream into its messages. @throws Error for a packed one, which nobody asked for */
export class Unframer {
  #pieces: Buffer[] = [];
  #length = 0;

  /** The messages that are whole with this chunk. */
  *push(chunk: Buffer): Generator<Buffer> {
    this.#pieces.push(chunk);
    this.#length += chunk.length;
    for (let size = this.#next(); size !== undefined; size = this.#next()) {
      const bytes = this.#joined();
      this.#pieces = bytes.length > size ? [bytes.subarray(size)] : [];
      this.#length = bytes.length - size;
      yield bytes.subarray(headerBytes, size);
    }
  }

  /** Bytes of the next message with its header, when they are all there. */
  #next(): number | undefined {
    if (this.#length < headerBytes) return undefined;
    const [first = Buffer.alloc(0)] = this.#pieces;
    const head = first.length < headerBytes ? this.#joined() : first;
    if (head[0] !== 0) throw new Error('a packed gRPC message came unasked');
    const size = headerBytes + head.readUInt32BE(1);
    if (size > longest) throw new Error(`a gRPC message of ${size} bytes is too long`);
    return this.#length < size ? undefined : size;
  }

  #joined(): Buffer {
    const [only, ...others] = this.#pieces;
    if (only && others.length === 0) return only;
    const joined = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [joined];
    return joined;
  }
}

/** The messages of a gRPC stream as its bytes arrive. */
export async function* messagesIn(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unframer = new Unframer();
  for await (const chunk of stream) yield* unframer.push(chunk);
}
