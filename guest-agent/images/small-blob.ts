import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import { digestOf } from './chain-ids.ts';
import { type BlobOrigin, type DownloadOptions, download, Sources } from './download.ts';

/** Nobody needs a configuration longer than this, in bytes. */
export const longestConfig = 8 << 20;

/** A blob that fits into memory; nothing where the bytes are others than its digest says. */
export async function smallBlob(
  origin: BlobOrigin,
  descriptor: Descriptor,
  options: DownloadOptions,
): Promise<Buffer | undefined> {
  for (;;) {
    const sources = new Sources(origin);
    const memory = new MemorySink();
    try {
      await download(sources, descriptor, memory, options);
      const bytes = memory.bytes();
      if (digestOf(bytes) === descriptor.digest) return bytes;
      if (!sources.giveUp()) return undefined;
    } catch (error) {
      if (options.signal.aborted || !sources.giveUp()) throw error;
    }
  }
}

class MemorySink {
  readonly #chunks: Buffer[] = [];
  offset = 0;

  async write(chunk: Buffer): Promise<void> {
    this.#chunks.push(chunk);
    this.offset += chunk.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
