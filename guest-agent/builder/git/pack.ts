import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { applyDelta } from './delta.ts';

/** Bytes of a file by their place. */
export type ReadAt = (offset: number, size: number) => Buffer;

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

export interface GitObject {
  type: ObjectType;
  data: Buffer;
}

/** Where an object begins, and what it is made of. */
interface Place {
  offset: number;
  /** After its header. */
  dataOffset: number;
  size: number;
  /** What it is, or what it differs from. */
  kind: ObjectType | { offset: number } | { id: string };
  /** Where the next one begins. */
  end: number;
}

const types: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
const idBytes = 20;
const headerBytes = 12;
const longestHeader = 64;
/** Objects that others differ from are asked for again and again. */
const keptBytes = 16 * 1024 * 1024;

/** A pack (gitformat-pack): every object by its id. What it holds is read when it is asked for. */
export class Pack {
  readonly #read: ReadAt;
  readonly #size: number;
  readonly #byOffset = new Map<number, Place>();
  readonly #byId = new Map<string, Place>();
  readonly #kept = new Map<number, GitObject>();
  #keptSize = 0;

  /** @throws Error for what is no whole pack */
  constructor(read: ReadAt, size: number) {
    this.#read = read;
    this.#size = size;
    const header = read(0, headerBytes);
    if (header.toString('latin1', 0, 4) !== 'PACK') throw new Error('the server sent no pack');
    this.#scan(header.readUInt32BE(8));
    this.#name();
  }

  get(id: string): GitObject | undefined {
    const place = this.#byId.get(id);
    return place && this.#load(place);
  }

  /** Ids with the places where the objects lie, for an index. */
  places(): { id: string; offset: number; end: number }[] {
    return [...this.#byId].map(([id, { offset, end }]) => ({ id, offset, end }));
  }

  #scan(count: number): void {
    let offset = headerBytes;
    for (let number = 0; number < count; number++) {
      const place = this.#placeAt(offset);
      this.#byOffset.set(offset, place);
      offset = place.end;
    }
  }

  #placeAt(offset: number): Place {
    const header = this.#read(offset, Math.min(longestHeader, this.#size - offset));
    let at = 0;
    let byte = header[at++] ?? 0;
    const code = (byte >> 4) & 7;
    let size = byte & 15;
    for (let shift = 4; byte & 0x80; shift += 7) {
      byte = header[at++] ?? 0;
      size += (byte & 0x7f) * 2 ** shift;
    }
    const { kind, length } = kindOf(code, header.subarray(at), offset);
    const dataOffset = offset + at + length;
    return { offset, dataOffset, size, kind, end: dataOffset + this.#inflate(dataOffset, size).consumed };
  }

  /** What is packed may be a little longer than what is not. */
  #inflate(offset: number, size: number): { data: Buffer; consumed: number } {
    const input = this.#read(offset, Math.min(this.#size - offset, size + (size >> 8) + longestHeader));
    const { buffer, engine } = inflateSync(input, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (buffer.length !== size) throw new Error('the pack is damaged');
    return { data: buffer, consumed: engine.bytesWritten };
  }

  /** Ids are made of contents: what differs from an object of known id is known after it. */
  #name(): void {
    let pending = [...this.#byOffset.values()];
    while (pending.length > 0) {
      const later = pending.filter(place => !this.#nameOne(place));
      if (later.length === pending.length) throw new Error('the pack lacks objects that others differ from');
      pending = later;
    }
  }

  #nameOne(place: Place): boolean {
    if (typeof place.kind === 'object' && 'id' in place.kind && !this.#byId.has(place.kind.id)) return false;
    const { type, data } = this.#load(place);
    this.#byId.set(createHash('sha1').update(`${type} ${data.length}\0`).update(data).digest('hex'), place);
    return true;
  }

  #load(place: Place): GitObject {
    const kept = this.#kept.get(place.offset);
    if (kept) return kept;
    const { data } = this.#inflate(place.dataOffset, place.size);
    const loaded = typeof place.kind === 'string' ? { type: place.kind, data } : this.#differing(place.kind, data);
    this.#keep(place.offset, loaded);
    return loaded;
  }

  #differing(kind: { offset: number } | { id: string }, delta: Buffer): GitObject {
    const base = 'id' in kind ? this.#byId.get(kind.id) : this.#byOffset.get(kind.offset);
    if (!base) throw new Error('the pack lacks an object that another differs from');
    const { type, data } = this.#load(base);
    return { type, data: applyDelta(data, delta) };
  }

  #keep(offset: number, object: GitObject): void {
    if (object.data.length > keptBytes / 4) return;
    this.#kept.set(offset, object);
    this.#keptSize += object.data.length;
    for (const [oldest, { data }] of this.#kept) {
      if (this.#keptSize <= keptBytes) return;
      this.#kept.delete(oldest);
      this.#keptSize -= data.length;
    }
  }
}

function kindOf(code: number, rest: Buffer, offset: number): { kind: Place['kind']; length: number } {
  const type = types[code];
  if (type) return { kind: type, length: 0 };
  if (code === 7) return { kind: { id: rest.toString('hex', 0, idBytes) }, length: idBytes };
  if (code !== 6) throw new Error('the pack holds an object of an unknown type');
  let at = 0;
  let byte = rest[at++] ?? 0;
  let distance = byte & 0x7f;
  while (byte & 0x80) {
    byte = rest[at++] ?? 0;
    distance = (distance + 1) * 128 + (byte & 0x7f);
  }
  return { kind: { offset: offset - distance }, length: at };
}
