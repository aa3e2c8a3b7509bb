import { open } from 'node:fs/promises';
import { type Compression, compressionOf } from '../../contracts/oci/descriptor.ts';

/** So many bytes tell. */
export const magicLength = 4;

/** What the bytes say; media types lie. Bytes that say nothing are a plain tar. */
export async function compressionIn(path: string, { mediaType }: { mediaType: string }): Promise<Compression> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magicLength), 0, magicLength, 0);
    return bytesRead < magicLength ? compressionOf(mediaType) : compressionOfBytes(buffer);
  } finally {
    await file.close();
  }
}

/** @param start the first four bytes */
export function compressionOfBytes(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  return start.length >= magicLength && start.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none';
}
