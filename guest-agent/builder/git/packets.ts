/** Git's packets (gitprotocol-common): four hexadecimal digits of length, themselves included, and the bytes. */
export const packet = (text: string): string => `${(Buffer.byteLength(text) + 4).toString(16).padStart(4, '0')}${text}`;

export const flush = '0000';
export const delimiter = '0001';

/** A packet's bytes, or what stands between packets. */
export type Packet = Buffer | 'flush' | 'delimiter' | 'end';

const marks: readonly Packet[] = ['flush', 'delimiter', 'end'];

/** The packets of a stream as its bytes arrive. @throws Error for what is none */
export async function* packetsIn(stream: AsyncIterable<Buffer>): AsyncGenerator<Packet> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < 4) break;
      const digits = rest.toString('latin1', 0, 4);
      if (!/^[0-9a-f]{4}$/i.test(digits)) throw new Error(`the server does not speak git's protocol`);
      const length = Number.parseInt(digits, 16);
      const mark = marks[length];
      if (mark === undefined && rest.length < length) break;
      yield mark ?? rest.subarray(4, length);
      rest = rest.subarray(mark === undefined ? length : 4);
    }
  }
}
