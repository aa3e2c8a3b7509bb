import { type PaxRecords, paxNumber } from './pax.ts';
import { blockSize, type Fragment, invalidHeader, parseNumber, type RawHeader } from './tar-format.ts';

/** A map longer than this is refused: it would be kept in memory. */
const maximumFragments = 1_000_000;
/** Digits and line end, in bytes. */
const longestNumber = 20;

/** @throws invalid-argument unless fragments are in order, apart, and inside the file */
export function checkFragments(fragments: Fragment[], size: number): Fragment[] {
  let end = 0;
  for (const { offset, length } of fragments) {
    if (offset < end || length < 0 || offset + length > size) throw invalidHeader('malformed sparse map');
    end = offset + length;
  }
  return fragments;
}

/** Bytes of data. */
export const lengthOf = (fragments: readonly Fragment[]): number =>
  fragments.reduce((sum, { length }) => sum + length, 0);

/** The map of pax format 1.0, which stands before the data: decimal lines, padded to whole blocks. */
export function sparseMap(fragments: readonly Fragment[], size: number): Buffer {
  // As GNU tar does: a file that ends in a hole has an empty fragment there, or it would be shorter.
  const end = fragments.at(-1);
  const all = end && end.offset + end.length === size ? fragments : [...fragments, { offset: size, length: 0 }];
  const lines = [all.length, ...all.flatMap(({ offset, length }) => [offset, length])];
  const text = Buffer.from(lines.map(line => `${line}\n`).join(''), 'latin1');
  return Buffer.concat([text, Buffer.alloc((blockSize - (text.length % blockSize)) % blockSize)]);
}

/** The four entries in an old GNU header block, or the 21 in a continuation block. */
export function gnuFragments(block: Buffer, start: number, count: number): Fragment[] {
  const fragments: Fragment[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + index * 24;
    if (block[at] === 0) break;
    fragments.push({
      offset: parseNumber(block, at, 12, 'sparse offset'),
      length: parseNumber(block, at + 12, 12, 'sparse length'),
    });
  }
  return fragments;
}

export const gnuHeaderFragments = (header: RawHeader): Fragment[] => gnuFragments(header.block, 386, 4);
export const gnuIsExtended = (block: Buffer, inHeader: boolean): boolean => (block[inHeader ? 482 : 504] ?? 0) !== 0;
export const gnuRealSize = (header: RawHeader): number => parseNumber(header.block, 483, 12, 'real size');

/** The map of pax formats 0.0 and 0.1, in the records; undefined when there is none. */
export function paxFragments(records: PaxRecords): Fragment[] | undefined {
  const map = records.get('GNU.sparse.map');
  if (!map) return undefined;
  const numbers = map.toString('latin1').split(',').map(Number);
  if (numbers.length % 2 !== 0 || numbers.length / 2 > maximumFragments || !numbers.every(Number.isSafeInteger)) {
    throw invalidHeader('malformed sparse map');
  }
  const fragments: Fragment[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    fragments.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  }
  return fragments;
}

export const isPaxSparse1 = (records: PaxRecords): boolean =>
  records.get('GNU.sparse.major')?.toString('latin1') === '1' &&
  records.get('GNU.sparse.minor')?.toString('latin1') === '0';

/** Size of a sparse file with its holes, by any of pax's formats. */
export function paxRealSize(records: PaxRecords): number | undefined {
  const value = records.get('GNU.sparse.realsize') ?? records.get('GNU.sparse.size');
  return value && paxNumber(value, 'GNU.sparse.realsize');
}

/**
 * Pax format 1.0 keeps its map at the head of the data: decimal lines (count, then offset and length of each), padded
 * to a block. Give it blocks until it returns the fragments.
 */
export class SparseMapReader {
  readonly #blocks: string[] = [];
  #newlines = 0;
  #count: number | undefined;

  push(block: Buffer): Fragment[] | undefined {
    const text = block.toString('latin1');
    this.#blocks.push(text);
    this.#newlines += text.split('\n').length - 1;
    this.#count ??= this.#readCount();
    // A map without line ends would be gathered in memory for ever.
    if (this.#blocks.length > 1 + (longestNumber * (1 + 2 * (this.#count ?? 0))) / block.length)
      throw invalidHeader('malformed sparse map');
    if (this.#count === undefined || this.#newlines < 1 + 2 * this.#count) return undefined;
    return this.#fragments(this.#count);
  }

  #readCount(): number | undefined {
    if (this.#newlines === 0) return undefined;
    const count = Number(this.#blocks[0]?.split('\n')[0]);
    if (Number.isInteger(count) && count >= 0 && count <= maximumFragments) return count;
    throw invalidHeader('malformed sparse map');
  }

  #fragments(count: number): Fragment[] {
    const lines = this.#blocks.join('').split('\n');
    const fragments: Fragment[] = [];
    for (let index = 0; index < count; index++) {
      const [offset, length] = [Number(lines[1 + 2 * index]), Number(lines[2 + 2 * index])];
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length)) throw invalidHeader('malformed sparse map');
      fragments.push({ offset, length });
    }
    return fragments;
  }
}
