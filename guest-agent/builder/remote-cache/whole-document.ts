import { invalidArgument } from '../../../contracts/errors.ts';
import type { Digest } from '../../../contracts/oci/digest.ts';
import { digestOf } from '../../images/index.ts';

/** Far more than any document of a cache has, in bytes. */
const longest = 8 * 1024 * 1024;

/** A blob's bytes as a whole. @throws invalid-argument for one that is too long, or another than was asked for */
export async function wholeDocument(stream: AsyncIterable<Buffer>, digest: Digest): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > longest) throw invalidArgument(`the blob ${digest} is too large`);
    pieces.push(piece);
  }
  const document = Buffer.concat(pieces, length);
  if (digestOf(document) !== digest) throw invalidArgument(`the blob ${digest} is not what its name says`);
  return document;
}
