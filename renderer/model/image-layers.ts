import { type TarEntry, TarReader } from './tar-reader.ts';

/** A file of a layer, and what it does to the layers below. */
export interface LayerFile {
  path: string;
  kind: TarEntry['kind'];
  size: number;
  change: 'added' | 'changed' | 'deleted';
}

export interface LayerFiles {
  /** The layer's blob. */
  digest: string;
  /** What made it; empty where the image does not say. */
  command: string;
  files: LayerFile[];
  /** Bytes of its files. */
  size: number;
}

export interface ImageFiles {
  /** The lowest first. */
  layers: LayerFiles[];
  /** Bytes of files that a layer above replaces or hides. */
  wasted: number;
}

interface HistoryEntry {
  created_by?: string;
  empty_layer?: boolean;
}

/** How a JSON document begins; a tar begins with a name. */
const brace = 0x7b;
const bracket = 0x5b;
/** In characters; nothing larger is a document of an image. */
const longestDocument = 1 << 22;
const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

/** Reads what `docker save` sends, in parts of any size, down to the files of each layer. No bytes of files are kept. */
export class ImageReader {
  readonly #blobs = new Map<string, TarEntry[]>();
  readonly #outer: TarReader;
  readonly #unpacking: { writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>; done: Promise<void> }[] = [];
  /** Texts of the blobs that are documents, and of the manifest. */
  readonly #documents = new Map<string, string>();

  constructor() {
    this.#outer = new TarReader(({ name, kind }) => (kind === 'file' ? this.#take(name) : undefined));
  }

  push(part: Uint8Array): void {
    this.#outer.push(part);
  }

  /** What it all comes to. @throws Error for what is no image */
  async finish(): Promise<ImageFiles> {
    for (const { writer, done } of this.#unpacking) {
      await writer.close().catch(() => undefined); // what is torn is told by what is missing
      await done;
    }
    const [image] = JSON.parse(this.#documents.get('manifest.json') ?? '[]') as { Config: string; Layers: string[] }[];
    if (!image) throw new Error('the tar has no manifest.json');
    const { history = [] } = JSON.parse(this.#documents.get(image.Config) ?? '{}') as { history?: HistoryEntry[] };
    const commands = history.filter(({ empty_layer }) => !empty_layer).map(({ created_by }) => created_by ?? '');
    return compared(
      image.Layers.map((name, index) => ({
        name,
        command: commands[index] ?? '',
        entries: this.#blobs.get(name) ?? [],
      })),
    );
  }

  #take(name: string): ((part: Uint8Array) => void) | undefined {
    if (!/^blobs\/|layer\.tar$|\.json$/.test(name)) return undefined;
    let inside: ((part: Uint8Array) => void) | undefined;
    return part => {
      // the first bytes tell how it is packed; a block of less than two comes in one part
      inside ??= part[0] === 0x1f && part[1] === 0x8b ? this.#gzip(name) : this.#plain(name, part[0] ?? 0);
      inside(part);
    };
  }

  #plain(name: string, first: number): (part: Uint8Array) => void {
    if (first === brace || first === bracket) return this.#document(name);
    const entries: TarEntry[] = [];
    this.#blobs.set(name, entries);
    const reader = new TarReader(entry => void entries.push(entry));
    return part => reader.push(part);
  }

  #document(name: string): (part: Uint8Array) => void {
    const decoder = new TextDecoder();
    return part => {
      const before = this.#documents.get(name) ?? '';
      if (before.length < longestDocument) this.#documents.set(name, before + decoder.decode(part, { stream: true }));
    };
  }

  #gzip(name: string): (part: Uint8Array) => void {
    const take = this.#plain(name, 0);
    const stream = new DecompressionStream('gzip');
    const writer = stream.writable.getWriter();
    this.#unpacking.push({ writer, done: readAll(stream.readable, take) });
    return part => void writer.write(new Uint8Array(part)).catch(() => undefined);
  }
}

async function readAll(stream: ReadableStream<Uint8Array>, take: (part: Uint8Array) => void): Promise<void> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value);
  } catch {
    // a torn layer shows what was read of it
  }
}

/** Which files each layer adds, changes and removes; those of a removed folder count as removed with it. */
function compared(layers: readonly { name: string; command: string; entries: readonly TarEntry[] }[]): ImageFiles {
  const below = new Map<string, number>();
  let wasted = 0;
  const forget = (path: string): void => {
    wasted += below.get(path) ?? 0;
    below.delete(path);
  };
  const forgetInside = (folder: string): void => {
    for (const path of [...below.keys()]) if (path.startsWith(`${folder}/`)) forget(path);
  };
  const result = layers.map(({ name, command, entries }): LayerFiles => {
    const files: LayerFile[] = [];
    for (const { name: path, kind, size } of entries) {
      const slash = path.lastIndexOf('/') + 1;
      const last = path.slice(slash);
      if (path === '') continue;
      if (last === opaque) forgetInside(path.slice(0, slash - 1));
      else if (last.startsWith(whiteout)) {
        const hidden = path.slice(0, slash) + last.slice(whiteout.length);
        forget(hidden);
        forgetInside(hidden);
        files.push({ path: hidden, kind: 'other', size: 0, change: 'deleted' });
      } else {
        const before = below.get(path);
        if (kind !== 'folder') wasted += before ?? 0;
        if (kind === 'folder' && before !== undefined) continue;
        below.set(path, kind === 'file' ? size : 0);
        files.push({
          path,
          kind,
          size: kind === 'file' ? size : 0,
          change: before === undefined ? 'added' : 'changed',
        });
      }
    }
    return {
      digest: name.split('/').at(-1) ?? name,
      command,
      files,
      size: files.reduce((sum, file) => sum + file.size, 0),
    };
  });
  return { layers: result, wasted };
}
