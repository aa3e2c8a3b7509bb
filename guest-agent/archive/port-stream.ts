import type { MessagePort } from 'node:worker_threads';
import { bytesPassed } from '../../base/passing-bytes.ts';
import { cancelled, fromWire, toWire, type WireError } from '../../contracts/errors.ts';

/** How far a sender may be ahead of its reader, in bytes. */
const window = 2 * 1024 * 1024;

type Forward = { data: Uint8Array } | { end: true } | { error: WireError };
interface Backward {
  taken: number;
}

/**
 * Sends a stream of bytes to another thread, with the reader's pace. A failing source fails the reader. Resolves when
 * all is handed over. @throws cancelled when the reader goes away
 */
export async function sendPieces(
  port: MessagePort,
  pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: { transfer: boolean },
): Promise<void> {
  const say = (message: Forward, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let ahead = 0;
  let gone = false;
  let wake: () => void = () => undefined;
  port.on('message', ({ taken }: Backward) => {
    ahead -= taken;
    wake();
  });
  port.on('close', () => {
    gone = true;
    wake();
  });
  try {
    for await (const piece of pieces) {
      while (ahead >= window && !gone) await new Promise<void>(resolve => (wake = resolve));
      if (gone) throw cancelled('the reader has gone away');
      ahead += piece.length;
      bytesPassed(piece.length);
      say({ data: piece }, options.transfer ? [piece.buffer as ArrayBuffer] : []);
    }
    say({ end: true });
  } catch (error) {
    if (!gone) say({ error: toWire(error) });
    throw error;
  } finally {
    port.close();
  }
}

/** The other end of {@link sendPieces}. Leaving the iteration early tells the sender. */
export async function* receivePieces(port: MessagePort): AsyncGenerator<Buffer> {
  const waiting: Forward[] = [];
  let wake: () => void = () => undefined;
  port.on('message', (message: Forward) => {
    waiting.push(message);
    wake();
  });
  port.on('close', () => {
    waiting.push({ error: { kind: 'cancelled', message: 'the sender has gone away' } });
    wake();
  });
  try {
    for (;;) {
      const message = waiting.shift();
      if (!message) {
        await new Promise<void>(resolve => (wake = resolve));
        continue;
      }
      if ('end' in message) return;
      if ('error' in message) throw fromWire(message.error);
      const { buffer, byteOffset, byteLength } = message.data;
      yield Buffer.from(buffer, byteOffset, byteLength);
      bytesPassed(byteLength);
      port.postMessage({ taken: byteLength } satisfies Backward);
    }
  } finally {
    port.close();
  }
}
