import type { FileTree } from '../file-tree.ts';
import type { ToldFiles } from './told-files.ts';

/** A client's directory as it was sent last: what has not changed since need not come again. */
export interface KeptContext {
  tree: FileTree;
  told: ToldFiles;
  /** Of which session its client said so. */
  session: string;
}

const keptForMs = 10 * 60_000;
const most = 4;

/** Directories that were sent lately, by what their client calls them. Their bytes are on the disk, in files without names. */
export class KeptContexts {
  readonly #kept = new Map<string, KeptContext & { timer: NodeJS.Timeout }>();

  get(key: string): KeptContext | undefined {
    const kept = this.#kept.get(key);
    return kept?.tree.isWasteful ? undefined : kept;
  }

  /** Takes a tree of its own: it is closed here. */
  put(key: string, kept: KeptContext): void {
    this.#drop(key);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= most && oldest !== undefined) this.#drop(oldest);
    this.#kept.set(key, { ...kept, timer: setTimeout(() => this.#drop(key), keptForMs).unref() });
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    clearTimeout(kept.timer);
    kept.tree.close();
    this.#kept.delete(key);
  }
}
