import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { invalidArgument } from '../../contracts/errors.ts';
import type {
  Archive,
  RebuildLayerRequest,
  UnpackedLayer,
  UnpackLayerRequest,
} from '../../guest-agent/archive/index.ts';

/** Unpacks nothing, but reads all and checks the digest, as the real one does. `size` is the tar's length; a recipe is the tar itself. */
export class FakeArchive {
  /** False: no archive can be put together again. */
  recipes = true;

  async unpackLayer(request: UnpackLayerRequest): Promise<UnpackedLayer> {
    let bytes = 0;
    for await (const length of request.growth ?? []) {
      bytes = length;
      request.signal?.throwIfAborted();
    }
    const packed = request.stream ? Buffer.concat(await request.stream.toArray()) : readFileSync(request.blob);
    if (request.growth && packed.length !== bytes) throw new Error('the file is longer than was told');
    const tar = { none: () => packed, gzip: () => gunzipSync(packed), zstd: () => zstdDecompressSync(packed) }[
      request.compression
    ]();
    const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}` as UnpackedLayer['diffId'];
    if (request.expectedDiffId && diffId !== request.expectedDiffId) throw invalidArgument('wrong diff id');
    if (request.recipe === undefined || !this.recipes) return { diffId, size: tar.length, linkBytes: 0 };
    writeFileSync(request.recipe, tar);
    return { diffId, size: tar.length, linkBytes: 0, rebuiltBytes: tar.length };
  }

  rebuildLayer({ recipe }: RebuildLayerRequest): Readable {
    return Readable.from([readFileSync(recipe)]);
  }

  asArchive(): Archive {
    return this as unknown as Archive;
  }
}
