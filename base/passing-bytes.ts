import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'minor' }) => void;

let collect: Collect | undefined;

function collector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}

/** Node cuts smaller buffers from memory that many share. */
const ownMemoryBytes = 128 * 1024;

/**
 * Gives the memory of a piece of a stream back at once: nobody may look at it any more. Of pieces that share their memory, as
 * those of a decompressor do, the last one does so; the others are done by then where pieces are taken in their order.
 */
export function giveBack({ buffer, byteOffset, byteLength }: Buffer): void {
  const isLast = byteOffset + byteLength === buffer.byteLength;
  if (buffer instanceof ArrayBuffer && isLast && buffer.byteLength >= ownMemoryBytes) buffer.transfer(0);
}

const everyBytes = 8 * 1024 * 1024;
let passed = 0;

/**
 * Says that so many bytes have passed through buffers of this thread. Their memory is not V8's own, which therefore sees
 * little reason to collect: hundreds of megabytes of buffers wait that nobody looks at any more. Now and then the youngest
 * are collected, which takes less than a millisecond.
 */
export function bytesPassed(bytes: number): void {
  passed += bytes;
  if (passed < everyBytes) return;
  passed = 0;
  collect ??= collector();
  collect({ type: 'minor' });
}
