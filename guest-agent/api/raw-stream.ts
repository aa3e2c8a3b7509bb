import type { Writable } from 'node:stream';
import type { OutputChunk } from '../logs/index.ts';

/** Bytes as they are: a terminal has one stream. */
export const rawStreamType = 'application/vnd.docker.raw-stream';
/** Frames of stdout and stderr. */
export const multiplexedStreamType = 'application/vnd.docker.multiplexed-stream';

const headerLength = 8;
/** Up to here copying is cheaper than two pieces on their way to the socket. */
const joinBelow = 16 * 1024;

/** The 8 bytes before a frame: the stream's number, three zeros, the length (big endian). Docker API, "Stream format". */
function header(chunk: OutputChunk, target: Buffer): void {
  target.writeUInt32BE(chunk.stream === 'stderr' ? 2 << 24 : 1 << 24, 0);
  target.writeUInt32BE(chunk.data.length, 4);
}

/** Resolves when `stream` takes more, or is gone. */
export function drained(stream: Writable): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      stream.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    stream.on('drain', done).on('close', done).on('error', done);
  });
}

/** Writes and waits while the reader is slow. False when the reader is gone. */
export async function send(stream: Writable, data: Buffer | string): Promise<boolean> {
  if (stream.destroyed || stream.writableEnded) return false;
  if (!stream.write(data)) await drained(stream);
  return !stream.destroyed;
}

/** Writes one chunk as a frame. */
function sendFrame(stream: Writable, chunk: OutputChunk): Promise<boolean> {
  if (chunk.data.length <= joinBelow) {
    const frame = Buffer.allocUnsafe(headerLength + chunk.data.length);
    header(chunk, frame);
    chunk.data.copy(frame, headerLength);
    return send(stream, frame);
  }
  const head = Buffer.allocUnsafe(headerLength);
  header(chunk, head);
  stream.write(head);
  return send(stream, chunk.data);
}

/** Sends all of `output`, in frames unless it comes from a terminal. Stops when the reader is gone. */
export async function sendOutput(
  stream: Writable,
  output: AsyncIterable<OutputChunk>,
  terminal: boolean,
): Promise<void> {
  for await (const chunk of output) {
    if (chunk.data.length === 0) continue;
    if (!(await (terminal ? send(stream, chunk.data) : sendFrame(stream, chunk)))) return;
  }
}
