import type { ByteString } from '../syscalls/file.ts';
import type { LayerApplier } from './apply-layer.ts';
import { RecipeWriter } from './recipe.ts';
import type { Fragment, TarEntry } from './tar-format.ts';
import type { TarSink } from './tar-reader.ts';

/** Unpacks a layer and writes down how to put it together again, see {@link RecipeWriter}. */
export class RecordingSink implements TarSink {
  readonly #applier: LayerApplier;
  readonly #recipe: RecipeWriter;
  #entry: TarEntry | undefined;
  #bytes = 0;

  constructor(applier: LayerApplier, path: string) {
    this.#applier = applier;
    this.#recipe = new RecipeWriter(path);
  }

  /** Bytes of the whole archive. */
  get bytes(): number {
    return this.#bytes;
  }

  around(bytes: Buffer): void {
    this.#bytes += bytes.length;
    this.#recipe.literal(bytes);
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    this.#applier.entry(entry);
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    const path = this.#applier.openFile;
    if (path === undefined) this.#recipe.literal(chunk);
    else this.#name(path);
    this.#applier.data(chunk);
  }

  end(): void {
    this.#applier.end();
  }

  /** Ends the recipe. False when it is worth nothing: some file's contents have gone again. */
  finish(): boolean {
    this.#recipe.finish();
    return !this.#applier.hasReplaced;
  }

  /** Safe at any time. */
  close(): void {
    this.#recipe.close();
  }

  /** Once for each file: where its contents will be. */
  #name(path: ByteString): void {
    const { size = 0, fragments } = this.#entry ?? {};
    this.#entry = undefined;
    const whole: Fragment[] = [{ offset: 0, length: size }];
    for (const { offset, length } of fragments ?? whole)
      if (length > 0) this.#recipe.contents({ path, offset, length });
  }
}
