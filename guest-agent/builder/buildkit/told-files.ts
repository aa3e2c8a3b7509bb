import { frame } from './frames.ts';

/** What a client said of one file, in its very bytes: said again, it need not be read again. */
export interface ToldFile {
  message: Buffer;
  path: string;
  /** Of which file it is another name; undefined for what is a file itself. */
  linkOf: string | undefined;
}

/** All that a client said of a directory. */
export interface ToldFiles {
  files: readonly ToldFile[];
  /** The same as it came, to its end. */
  bytes: Buffer;
}

/** As it came: messages in frames, and one that says that this was all. */
export function toldFiles(files: readonly ToldFile[], end: Buffer): ToldFiles {
  return { files, bytes: Buffer.concat([...files.map(({ message }) => message), end].map(frame)) };
}

/** Bytes of now beside those of the last time. */
export class SameBytes {
  readonly #last: Buffer;
  #length = 0;

  constructor(last: Buffer) {
    this.#last = last;
  }

  /** True when these, too, are as the last time. */
  goOn(chunk: Buffer): boolean {
    const end = this.#length + chunk.length;
    if (end > this.#last.length || chunk.compare(this.#last, this.#length, end) !== 0) return false;
    this.#length = end;
    return true;
  }

  get isWhole(): boolean {
    return this.#length === this.#last.length;
  }

  /** What was the same. */
  get bytes(): Buffer {
    return this.#last.subarray(0, this.#length);
  }
}

/** What a client says of its files now beside what it said the last time, in the same order. */
export class Comparison {
  readonly #last: readonly ToldFile[];
  #places: Map<string, number> | undefined;
  #at = 0;

  constructor(last: readonly ToldFile[]) {
    this.#last = last;
  }

  /** The file of the last time that is next, when this message says the same of it. */
  again(message: Buffer): ToldFile | undefined {
    const file = this.#last[this.#at];
    if (!file?.message.equals(message)) return undefined;
    this.#at++;
    return file;
  }

  /** What was said of a path that is not the same now; what follows it may be again. */
  before(path: string): ToldFile | undefined {
    this.#places ??= new Map(this.#last.map((file, place) => [file.path, place]));
    const place = this.#places.get(path);
    if (place === undefined) return undefined;
    this.#at = place + 1;
    return this.#last[place];
  }
}
