import { open } from 'node:fs/promises';
import { bytesPassed } from '../../base/passing-bytes.ts';
import { cancelled } from '../../contracts/errors.ts';

/**
 * How far a download has come, shared between threads: one number, so that it changes at once. Bytes that can be read,
 * times four, plus the state.
 */
export type SharedGrowth = BigInt64Array<SharedArrayBuffer>;

const growing = 0;
const whole = 1;
const failed = 2;

export const newGrowth = (): SharedGrowth => new BigInt64Array(new SharedArrayBuffer(8));

function tell(growth: SharedGrowth, bytes: number, state: number): void {
  Atomics.store(growth, 0, BigInt(bytes) * 4n + BigInt(state));
  Atomics.notify(growth, 0);
}

/** Passes on what a downloader tells, until its end. Never rejects: the reader sees the failure, the caller `onError`. */
export async function trackGrowth(
  growth: SharedGrowth,
  source: AsyncIterable<number>,
  onError: (error: unknown) => void,
): Promise<void> {
  let bytes = 0;
  try {
    for await (bytes of source) tell(growth, bytes, growing);
    tell(growth, bytes, whole);
  } catch (error) {
    onError(error);
    tell(growth, bytes, failed);
  }
}

const pieceBytes = 1024 * 1024;

/** The bytes of a file that another thread's download is still writing. */
export async function* growingFile(path: string, growth: SharedGrowth, signal: AbortSignal): AsyncGenerator<Buffer> {
  const aborted = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
  const file = await open(path, 'r');
  try {
    for (let position = 0; ; ) {
      signal.throwIfAborted();
      const seen = Atomics.load(growth, 0);
      const available = Number(seen / 4n);
      if (Number(seen % 4n) === failed) throw cancelled('the download has failed');
      if (position < available) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, available - position));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
        bytesPassed(bytesRead);
      } else if (Number(seen % 4n) === whole) {
        return;
      } else {
        await Promise.race([Atomics.waitAsync(growth, 0, seen).value, aborted]);
      }
    }
  } finally {
    await file.close();
  }
}
