import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from './log.ts';
import { putOff } from './put-off.ts';

const usualSize = 32;

/**
 * Folders of one kind that are made beforehand, when there is time: a new file or folder costs far more than a new name
 * for one. They are `.ready-<number>` in the folder where they get their names, for whoever starts there to sweep.
 */
export class ReadyFolders {
  readonly #parent: string;
  readonly #fill: (folder: string) => void;
  readonly #mode: number;
  readonly #log: Log;
  readonly #size: number;
  /** By their numbers. Numbers come again: a folder of files that has had a name finds room for it again. */
  readonly #ready = new Set<number>();
  #isOpen = false;
  #warned = false;

  /** `fill` makes what is in one. */
  constructor(parent: string, options: { fill: (folder: string) => void; mode: number; log: Log; size?: number }) {
    this.#parent = parent;
    this.#fill = options.fill;
    this.#mode = options.mode;
    this.#log = options.log;
    this.#size = options.size ?? usualSize;
  }

  /** From now on there are some ready. */
  open(): void {
    this.#isOpen = true;
    for (let count = 0; count < this.#size; count++) this.#makeLater();
  }

  /** A folder becomes `target`, once `finish` has done with it. Whatever fails, nothing of it is left. */
  become(target: string, finish: (folder: string) => void): void {
    const [ready] = this.#ready;
    const number = ready ?? this.#make();
    this.#ready.delete(number);
    const folder = this.#path(number);
    try {
      finish(folder);
      renameSync(folder, target);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    this.#makeLater();
  }

  /** None are made any more; those that nobody took go. */
  close(): void {
    this.#isOpen = false;
    for (const number of this.#ready) rmSync(this.#path(number), { recursive: true, force: true });
    this.#ready.clear();
  }

  /** One for each that was taken: where it is never quiet, that many are wanted all the same. */
  #makeLater(): void {
    if (!this.#isOpen) return;
    putOff(() => {
      if (!this.#isOpen || this.#ready.size >= this.#size) return;
      this.#ready.add(this.#make());
    }).done.catch(error => {
      if (!this.#warned) this.#log.warn('No folder could be made beforehand', { parent: this.#parent, error });
      this.#warned = true; // who needs one tries again, and says why
    });
  }

  /** @throws what kept it from being made; then nothing of it is left */
  #make(): number {
    let number = 0;
    while (this.#ready.has(number)) number++;
    const folder = this.#path(number);
    mkdirSync(folder, { mode: this.#mode });
    try {
      this.#fill(folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return number;
  }

  #path(number: number): string {
    return join(this.#parent, `.ready-${number}`);
  }
}
