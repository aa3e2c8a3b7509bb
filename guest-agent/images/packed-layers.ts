import { createReadStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import { bytesPassed, giveBack } from '../../base/passing-bytes.ts';
import { Semaphore } from '../../base/semaphore.ts';
import { compressionOf, type Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore, IngestedBlob, Spool } from '../content/index.ts';
import { ociLayerType } from './archived-images.ts';
import type { LayerBlob } from './image.ts';
import type { LayerArchives, LayerForm } from './layer-archives.ts';
import type { PackedLayer } from './layer-uploads.ts';

const gzip = promisify(gzipCallback);
const blockBytes = 1 << 20;
/** Level 4 of zlib comes to what Go's default makes of a Debian root, and so dockerd. Each block in one go: a thread's turn costs. */
const packing = { level: 4, memLevel: 9, chunkSize: blockBytes };
/** Of all layers together. One of libuv's four threads is left for files. */
const blocksAtOnce = Math.min(3, Math.max(2, availableParallelism()));
const places = new Semaphore(() => blocksAtOnce);

/** A stream in blocks of one length, but for the last. */
async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafeSlow(blockBytes);
  let filled = 0;
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.length; ) {
      const length = chunk.copy(block, filled, taken);
      taken += length;
      filled += length;
      if (filled < blockBytes) continue;
      yield block;
      block = Buffer.allocUnsafeSlow(blockBytes);
      filled = 0;
    }
  }
  yield block.subarray(0, filled);
}

/** A block, packed, and how long it was. */
interface Member {
  bytes: Buffer;
  from: number;
}

async function gzipMember(block: Buffer): Promise<Member> {
  const { length: from } = block;
  const bytes = await gzip(block, packing);
  giveBack(block);
  return { bytes, from };
}

/** Each block as a gzip member of its own, several of them in work: members that follow one another are one file (RFC 1952, 2.2). */
async function* gzipMembers(blocks: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Member> {
  const inWork: Promise<Member>[] = [];
  for await (const block of blocks) {
    const member = places.run(() => gzipMember(block), signal);
    member.catch(() => undefined); // awaited in its turn
    inWork.push(member);
    const first = inWork.length > blocksAtOnce ? inWork.shift() : undefined;
    if (first) yield await first;
  }
  for (const member of inWork) yield await member;
}

/** How much of a layer has been packed, into how many bytes. */
interface PackingProgress {
  read: number;
  packed: number;
}

/**
 * Layers packed for a registry: as they were kept, else anew, and then always into the same bytes, though seldom into
 * those that somebody else had made of them. They are sent while they are packed, and dropped once they are there.
 */
export class PackedLayers {
  readonly #content: ContentStore;
  readonly #archives: LayerArchives;

  constructor(content: ContentStore, archives: LayerArchives) {
    this.#content = content;
    this.#archives = archives;
  }

  /** Begins. The caller closes it. */
  async pack(layer: LayerBlob, signal: AbortSignal): Promise<PackedLayer<LayerForm>> {
    if (this.#archives.needsBlob(layer) && layer.compression !== 'none') return this.#kept(layer);
    const spool = await this.#content.spool();
    const progress = { read: 0, packed: 0 };
    const file = this.#packInto(spool, layer, { progress, signal });
    const whole = file.then(({ digest, size, readPath }) => ({
      digest,
      size,
      open: (start: number, end: number) =>
        createReadStream(readPath, { highWaterMark: blockBytes, start, end: end - 1 }),
    }));
    const blob = file.then(({ digest, size }) => ({
      mediaType: ociLayerType('gzip'),
      compression: 'gzip' as const,
      digest,
      size,
    }));
    for (const made of [whole, blob]) made.catch(() => undefined); // told to whoever waits for them
    const { size: total } = this.#archives.form(layer);
    return {
      blob,
      source: { follow: () => spool.follow(), whole },
      // As dockerd counts: of what is in the layer, not of what it is packed into.
      progress: (sent, of) =>
        of === undefined
          ? { current: Math.round((progress.read * sent) / progress.packed), total }
          : { current: sent, total: of },
      close: () => file.then(made => made.close()).catch(() => undefined),
    };
  }

  /**
   * Does what {@link pack} does for one layer after the other, while those before are still on their way: their blocks
   * keep all processors busy as it is, and each layer in work takes 15 MB.
   */
  inTurn(): PackedLayers['pack'] {
    const turns = new Semaphore(() => 1);
    return async (layer, signal) => {
      const leave = await turns.enter(signal);
      const packed = await this.pack(layer, signal).catch(error => {
        leave();
        throw error;
      });
      packed.blob.then(leave, leave);
      return packed;
    };
  }

  #kept(layer: LayerBlob): PackedLayer<LayerForm> {
    const { digest, size } = layer;
    const open = (start: number, end: number) => this.#content.stream(digest, start, end);
    return {
      blob: Promise.resolve(layer),
      source: { digest, size, open },
      progress: sent => ({ current: sent, total: size }),
      close: async () => undefined,
    };
  }

  async #packInto(
    spool: Spool,
    layer: LayerBlob,
    { progress, signal }: { progress: PackingProgress; signal: AbortSignal },
  ): Promise<IngestedBlob> {
    try {
      for await (const { bytes, from } of gzipMembers(blocksOf(this.#archives.stream(layer)), signal)) {
        await spool.write(bytes);
        bytesPassed(from + bytes.length);
        progress.read += from;
        progress.packed += bytes.length;
      }
      return await spool.finish();
    } catch (error) {
      await spool.discard();
      throw error;
    }
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
