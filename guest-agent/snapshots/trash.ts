import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { removeLater } from '../../base/remove-later.ts';
import { destroySubvolume } from '../syscalls/btrfs.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { removeTree } from '../syscalls/remove-tree.ts';

/** Trees on their way out: renamed away in an instant, deleted behind the caller's back, and again after a crash. */
export class Trash {
  readonly #folder: string;
  readonly #log: Log;
  readonly #subvolumes: boolean;
  #counter = 0;

  /** `subvolumes`: trees are subvolumes of btrfs, or have one that is called `tree`. */
  constructor(folder: string, { log, subvolumes }: { log: Log; subvolumes: boolean }) {
    this.#folder = folder;
    this.#log = log;
    this.#subvolumes = subvolumes;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) this.#delete(join(folder, name));
  }

  /** Takes the tree at `path` away. A path that is not there is fine. */
  take(path: string): void {
    const target = join(this.#folder, `${process.pid}-${Date.now()}-${this.#counter++}`);
    try {
      renameSync(path, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    this.#delete(target);
  }

  #delete(path: string): void {
    if (this.#subvolumes) for (const tree of [path, join(path, 'tree')]) this.#destroy(tree);
    void removeLater(path).catch(() => this.#deleteHard(path));
  }

  /** What is none, or has others inside, is deleted file by file. */
  #destroy(tree: string): void {
    try {
      destroySubvolume(tree);
    } catch (error) {
      if (!isSyscallError(error)) throw error;
    }
  }

  /** What containers leave behind may be too deep for paths, or immutable. */
  #deleteHard(path: string): void {
    try {
      removeTree(path);
    } catch (error) {
      this.#log.warn('could not delete a removed tree', { path, error });
    }
  }
}
