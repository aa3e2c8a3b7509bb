import { actAs } from '../syscalls/identity.ts';
import type { LayerApplier } from './apply-layer.ts';
import type { TarEntry } from './tar-format.ts';
import type { TarSink } from './tar-reader.ts';

/** Numbers that root of a user namespace has outside. */
export interface RootOutside {
  uid: number;
  gid: number;
}

/**
 * Makes an archive's members as the users of a user namespace, whose numbers are those of the archive. Nobody else may
 * make files where its files are shown by id-mapped mounts. Other jobs of this thread are not concerned: each call is
 * whole.
 */
export class MappedSink implements TarSink {
  readonly #applier: LayerApplier;
  readonly #root: RootOutside;

  constructor(applier: LayerApplier, root: RootOutside) {
    this.#applier = applier;
    this.#root = root;
  }

  entry(entry: TarEntry): void {
    const { uid, gid } = this.#root;
    this.#act(() => this.#applier.entry({ ...entry, uid: uid + entry.uid, gid: gid + entry.gid }));
  }

  data(chunk: Buffer): void {
    this.#applier.data(chunk);
  }

  end(): void {
    this.#act(() => this.#applier.end());
  }

  finish(): number {
    return this.#act(() => this.#applier.finish());
  }

  #act<Result>(act: () => Result): Result {
    return actAs(this.#root.uid, this.#root.gid, act);
  }
}
