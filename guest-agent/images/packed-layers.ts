import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import { compressionOf, type Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import { ociLayerType } from './archived-images.ts';
import type { LayerBlob } from './image.ts';
import type { LayerArchives, LayerForm } from './layer-archives.ts';
import type { PackedLayer } from './layer-uploads.ts';

const gzip = promisify(gzipCallback);
/** As short as 5, for Debian's roots, in three quarters of its time. */
const level = 3;
const blockBytes = 4 << 20;
/** As many as threads are there to do it. */
const blocksAtOnce = 4;

/** A stream in blocks of one length, but for the last. */
async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    parts.push(chunk);
    length += chunk.length;
    if (length < blockBytes) continue;
    const whole = Buffer.concat(parts);
    for (let at = 0; at + blockBytes <= length; at += blockBytes) yield whole.subarray(at, at + blockBytes);
    parts = [whole.subarray(length - (length % blockBytes))];
    length %= blockBytes;
  }
  yield Buffer.concat(parts);
}

/** Each block as a gzip member of its own, several of them in work: members that follow one another are one file (RFC 1952, 2.2). */
async function* gzipMembers(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const inWork: Promise<Buffer>[] = [];
  for await (const block of blocks) {
    const member = gzip(block, { level });
    member.catch(() => undefined); // awaited in its turn
    inWork.push(member);
    const first = inWork.length >= blocksAtOnce ? inWork.shift() : undefined;
    if (first) yield await first;
  }
  for (const member of inWork) yield await member;
}

/**
 * Layers packed for a registry: as they were kept, else anew, and then always into the same bytes, though seldom into
 * those that somebody else had made of them. They are dropped once they are sent.
 */
export class PackedLayers {
  readonly #content: ContentStore;
  readonly #archives: LayerArchives;

  constructor(content: ContentStore, archives: LayerArchives) {
    this.#content = content;
    this.#archives = archives;
  }

  /** The caller closes it. */
  async pack(layer: LayerBlob): Promise<PackedLayer<LayerForm>> {
    if (this.#archives.needsBlob(layer) && layer.compression !== 'none') {
      const open = (start: number, end: number) => this.#content.stream(layer.digest, start, end);
      return { blob: layer, open, close: async () => undefined };
    }
    const spool = await this.#content.spool();
    try {
      for await (const member of gzipMembers(blocksOf(this.#archives.stream(layer)))) await spool.write(member);
    } catch (error) {
      await spool.discard();
      throw error;
    }
    const file = await spool.finish();
    return {
      blob: { mediaType: ociLayerType('gzip'), compression: 'gzip', digest: file.digest, size: file.size },
      open: (start, end) => createReadStream(file.readPath, { highWaterMark: 1 << 20, start, end: end - 1 }),
      close: () => file.close(),
    };
  }
}

/** How registries may have a layer already, the likeliest first. */
export function knownForms(layer: LayerBlob, named: Descriptor | undefined): LayerForm[] {
  const inManifest = named && { ...named, compression: compressionOf(named.mediaType) };
  const forms = new Map<Digest, LayerForm>();
  const own = layer.compression === 'none' ? [] : [layer];
  for (const form of [inManifest, ...own, layer.packed])
    if (form && !forms.has(form.digest)) forms.set(form.digest, form);
  return [...forms.values()];
}
