import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { giveBack } from '../../base/passing-bytes.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { ByteString } from '../syscalls/file.ts';

/** Of contents in the tree: the file below its root, and which bytes of it. */
export interface KeptContents {
  path: ByteString;
  offset: number;
  length: number;
}

/** A part of an archive: bytes as they stand, or contents that a file of the unpacked tree has. */
export type RecipePart = { literal: Buffer } | KeptContents;

const literalPart = 0;
const contentsPart = 1;
/** Kind and length before a literal; kind and lengths before contents. */
const literalHead = 5;
const contentsHead = 15;
const blockBytes = 1 << 20;

/**
 * Writes how an archive can be put together again from the files that were unpacked from it: headers, padding and all
 * that is in no file stand in the recipe, the rest is named. Blocks of parts, each compressed by itself and after its
 * length; some fortieth of what the archive's headers take.
 */
export class RecipeWriter {
  #file: number;
  readonly #block = Buffer.allocUnsafe(blockBytes);
  #filled = 0;
  /** Where the literal begins that can be made longer. */
  #literal: number | undefined;

  constructor(path: string) {
    this.#file = openSync(path, 'wx', 0o600);
  }

  literal(bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0; ) {
      if (this.#filled + literalHead >= blockBytes) this.#flush();
      const at = this.#literal ?? this.#beginLiteral();
      const length = rest.copy(this.#block, this.#filled);
      this.#filled += length;
      this.#block.writeUInt32LE(this.#filled - at - literalHead, at + 1);
      rest = rest.subarray(length);
    }
  }

  contents({ path, offset, length }: KeptContents): void {
    if (this.#filled + contentsHead + path.length > blockBytes) this.#flush();
    const at = this.#filled;
    this.#block.writeUInt8(contentsPart, at);
    this.#block.writeUInt16LE(path.length, at + 1);
    this.#block.writeUIntLE(offset, at + 3, 6);
    this.#block.writeUIntLE(length, at + 9, 6);
    this.#filled = at + contentsHead + this.#block.write(path, at + contentsHead, 'latin1');
    this.#literal = undefined;
  }

  /** Writes the rest and closes the file; syncs nothing. */
  finish(): void {
    this.#flush();
    this.close();
  }

  /** Safe at any time. */
  close(): void {
    if (this.#file === -1) return;
    closeSync(this.#file);
    this.#file = -1;
    giveBack(this.#block);
  }

  #beginLiteral(): number {
    this.#literal = this.#filled;
    this.#block.writeUInt8(literalPart, this.#filled);
    this.#filled += literalHead;
    return this.#literal;
  }

  #flush(): void {
    this.#literal = undefined;
    if (this.#filled === 0) return;
    const packed = zstdCompressSync(this.#block.subarray(0, this.#filled));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(packed.length);
    for (const bytes of [length, packed]) writeWhole(this.#file, bytes);
    this.#filled = 0;
  }
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

/** The parts of a recipe, in order; each is there until the next one is asked for. @throws invalid-argument for a file that is none */
export function* readRecipe(path: string): Generator<RecipePart> {
  const file = openSync(path, 'r');
  try {
    for (let head = readBytes(file, 4); head.length > 0; head = readBytes(file, 4)) {
      if (head.length < 4) throw brokenRecipe();
      const packed = readBytes(file, Math.min(head.readUInt32LE(), 2 * blockBytes));
      const block = zstdDecompressSync(packed, { chunkSize: blockBytes, maxOutputLength: blockBytes });
      yield* partsIn(block);
      giveBack(Buffer.from(block.buffer));
    }
  } finally {
    closeSync(file);
  }
}

function readBytes(file: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(file, bytes, filled, length - filled, null);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}

function* partsIn(block: Buffer): Generator<RecipePart> {
  for (let at = 0; at < block.length; ) {
    if (block.readUInt8(at) === literalPart) {
      const end = at + literalHead + block.readUInt32LE(at + 1);
      yield { literal: block.subarray(at + literalHead, end) };
      at = end;
      continue;
    }
    const start = at + contentsHead;
    const end = start + block.readUInt16LE(at + 1);
    yield {
      path: block.toString('latin1', start, end),
      offset: block.readUIntLE(at + 3, 6),
      length: block.readUIntLE(at + 9, 6),
    };
    at = end;
  }
}

const brokenRecipe = (): Error => invalidArgument('the record of a layer is cut off');
