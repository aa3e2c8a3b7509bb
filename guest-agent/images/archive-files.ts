import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { type Extract, extract } from 'tar-stream';
import { invalidArgument, messageOf } from '../../contracts/errors.ts';
import { allowanceAt, checkReason } from '../archive/index.ts';
import type { ContentStore, IngestedBlob } from '../content/index.ts';
import { compressionOfBytes } from './compression-in.ts';
import type { EarlyLayer, EarlyLayers } from './early-layers.ts';
import { programFor, unpackedBy } from './unpacked-by-program.ts';

type Entry = Extract extends AsyncIterable<infer Source> ? Source : never;

/** An archive with more files is no image. */
const mostEntries = 16_384;
const longestLinkChain = 8;
/** Nobody needs a manifest or a configuration longer than this, in bytes. */
const longestDocument = 16 << 20;
/** All of them together, each as often as the archive names it: that is what is kept in memory. */
const allDocuments = 64 << 20;

/**
 * The files of an archive, each in a temporary file of the content store. Their names are only keys here: no path
 * of the archive ever becomes a path on disk.
 */
export class ArchiveFiles {
  readonly #files = new Map<string, IngestedBlob>();
  readonly #links = new Map<string, string>();
  #read = 0;

  /** With `early`, what may be layers is unpacked meanwhile. */
  static async read(
    source: Readable,
    content: ContentStore,
    signal: AbortSignal,
    early?: EarlyLayers,
  ): Promise<ArchiveFiles> {
    const files = new ArchiveFiles();
    try {
      await files.#readAll(await tarIn(source, signal), { content, early }, signal);
      return files;
    } catch (error) {
      await files.close();
      signal.throwIfAborted();
      throw tarError(error);
    }
  }

  /** By name; links inside the archive are followed. */
  find(name: string): IngestedBlob | undefined {
    let path = normalised(name);
    for (let hops = 0; hops < longestLinkChain; hops++) {
      const file = this.#files.get(path);
      if (file) return file;
      const target = this.#links.get(path);
      if (target === undefined) return undefined;
      path = target;
    }
    return undefined;
  }

  /** @throws invalid-argument as Go says it when there is no such file. */
  get(name: string): IngestedBlob {
    const file = this.find(name);
    if (!file) throw invalidArgument(`open ${normalised(name)}: no such file or directory`);
    return file;
  }

  /** The bytes of a small file. */
  async readDocument(name: string): Promise<Buffer> {
    const file = this.get(name);
    if (file.size > longestDocument) throw invalidArgument(`${normalised(name)} is too long`);
    this.#read += file.size;
    if (this.#read > allDocuments) throw invalidArgument('invalid archive: too many documents');
    return readFile(file.readPath);
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
  }

  async #readAll(tar: UnpackedTar, kept: Omit<ReadingRooms, 'arrived'>, signal: AbortSignal): Promise<void> {
    const rooms = { ...kept, arrived: watchOver(tar) };
    const entries = extract();
    let failure: unknown;
    const fed = pipeline(tar, entries, { signal }).catch(error => {
      failure = error;
    });
    let count = 0;
    try {
      for await (const entry of entries) {
        if (++count > mostEntries) throw invalidArgument('invalid archive: too many entries');
        await this.#keep(entry, rooms);
      }
    } catch (error) {
      if (!/destroyed/i.test(messageOf(error))) throw error;
    }
    await fed;
    if (failure) throw failure; // which is why the entries ended
    if (count === 0) throw invalidArgument('unexpected EOF');
  }

  async #keep(entry: Entry, rooms: ReadingRooms): Promise<void> {
    const { header } = entry;
    const path = normalised(header.name);
    if (header.type === 'symlink') {
      this.#links.set(path, normalised(posix.join(posix.dirname(path), header.linkname ?? '')));
    } else if (header.type === 'link') {
      this.#links.set(path, normalised(header.linkname ?? ''));
    } else if (header.type === 'file' || header.type === 'contiguous-file') {
      await this.#files.get(path)?.close();
      this.#files.set(path, await spoolOf(entry, rooms));
      return;
    }
    entry.resume();
  }
}

interface ReadingRooms {
  content: ContentStore;
  early: EarlyLayers | undefined;
  /** So many bytes more go to that file. @throws invalid-argument for what is meant to fill the disk */
  arrived(bytes: number, file: string): void;
}

/** Looks at the room that there is once, at the first file. */
function watchOver({ packedBytes = () => Number.POSITIVE_INFINITY }: UnpackedTar): ReadingRooms['arrived'] {
  let unpacked = 0;
  let allowance: ReturnType<typeof allowanceAt> | undefined;
  return (bytes, file) => {
    unpacked += bytes;
    allowance ??= allowanceAt(file);
    checkReason(unpacked, packedBytes(), allowance);
  };
}

const normalised = (name: string): string => posix.join('/', name).slice(1).replace(/\/$/, '');

async function spoolOf(entry: Entry, { content, early, arrived }: ReadingRooms): Promise<IngestedBlob> {
  const spool = await content.spool();
  const { name, size = 0 } = entry.header;
  let layer: EarlyLayer | undefined;
  let isFirst = true;
  try {
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      arrived(chunk.length, spool.readPath);
      await spool.write(chunk);
      if (isFirst) layer = await early?.begin({ name, size, start: chunk }, spool);
      isFirst = false;
    }
    const blob = await spool.finish();
    if (layer) early?.keep(blob, layer);
    return blob;
  } catch (error) {
    await spool.discard();
    throw error;
  }
}

/** A tar; `packedBytes` tells how many it has been unpacked from so far, if it was packed. */
type UnpackedTar = Readable & { packedBytes?(): number };

/** The tar in `source`, whatever it is packed with. */
export async function tarIn(source: Readable, signal: AbortSignal): Promise<UnpackedTar> {
  const start = await firstChunk(source, signal);
  const program = programFor(start);
  if (program) return unpackedBy(program, source);
  const compression = compressionOfBytes(start);
  if (compression === 'none') return source;
  const unpacker = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  source.on('error', error => unpacker.destroy(error));
  return Object.assign(source.pipe(unpacker), { packedBytes: () => unpacker.bytesWritten });
}

/** Looks at the first bytes and puts them back. */
async function firstChunk(source: Readable, signal: AbortSignal): Promise<Buffer> {
  const enough = 4;
  let start: Buffer = Buffer.alloc(0);
  while (start.length < enough && !source.readableEnded) {
    signal.throwIfAborted();
    const chunk: Buffer | null = source.read();
    if (chunk) start = Buffer.concat([start, chunk]);
    else if (!(await moreOf(source))) break;
  }
  if (start.length > 0) source.unshift(start);
  return start;
}

const moreOf = (source: Readable): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const done = (result: () => void) => () => {
      for (const [event, listener] of listeners) source.off(event, listener);
      result();
    };
    const listeners: [string, (...values: unknown[]) => void][] = [
      ['readable', done(() => resolve(source.readableLength > 0))],
      ['end', done(() => resolve(false))],
      ['error', error => done(() => reject(error))()],
      ['close', done(() => resolve(false))],
    ];
    for (const [event, listener] of listeners) source.on(event, listener);
  });

/** Go's words for an archive that is none. */
function tarError(error: unknown): unknown {
  const text = messageOf(error);
  if (/invalid tar header/i.test(text)) return invalidArgument('archive/tar: invalid tar header', { cause: error });
  if (/unexpected end|premature close/i.test(text)) return invalidArgument('unexpected EOF', { cause: error });
  if (/incorrect header check|invalid|corrupt/i.test(text) && (error as { code?: string }).code?.startsWith('Z_')) {
    return invalidArgument(`gzip: invalid header`, { cause: error });
  }
  return error;
}
