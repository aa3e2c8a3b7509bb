import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { invalidArgument } from '../../contracts/errors.ts';
import type { Archive, UnpackedLayer, UnpackLayerRequest } from '../../guest-agent/archive/index.ts';

/** Unpacks nothing, but reads all and checks the digest, as the real one does. `size` is the tar's length. */
export class FakeArchive {
  async unpackLayer(request: UnpackLayerRequest): Promise<UnpackedLayer> {
    let bytes = 0;
    for await (const length of request.growth ?? []) {
      bytes = length;
      request.signal?.throwIfAborted();
    }
    const packed = readFileSync(request.blob);
    if (request.growth && packed.length !== bytes) throw new Error('the file is longer than was told');
    const tar = { none: () => packed, gzip: () => gunzipSync(packed), zstd: () => zstdDecompressSync(packed) }[
      request.compression
    ]();
    const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}` as UnpackedLayer['diffId'];
    if (request.expectedDiffId && diffId !== request.expectedDiffId) throw invalidArgument('wrong diff id');
    return { diffId, size: tar.length };
  }

  asArchive(): Archive {
    return this as unknown as Archive;
  }
}
