import type { UpdateState } from '../../contracts/desktop.ts';
import { messageOf } from '../../contracts/errors.ts';

/** What brings updates: electron-updater in these few words. It does nothing that it is not told. */
export interface Updater {
  /** The newer version; undefined when there is none. */
  check(): Promise<{ version: string; notes: string } | undefined>;
  /** Fetches what {@link check} has found, and checks its signature. */
  download(tell: (percent: number) => void): Promise<void>;
  /** Ends this program and starts the new one. */
  install(): void;
}

/** An update, step by step, each with the user's consent. A step that does not follow from the last is passed over. */
export class Updates {
  readonly #updater: Updater | undefined;
  readonly #changed: () => void;
  #state: UpdateState;
  #found = { version: '', notes: '' };

  /** `updater`: undefined where the program was not installed from a package, which alone can be replaced. */
  constructor(updater: Updater | undefined, changed: () => void) {
    this.#updater = updater;
    this.#changed = changed;
    this.#state = { state: updater ? 'unknown' : 'unsupported' };
  }

  get state(): UpdateState {
    return this.#state;
  }

  async check(): Promise<void> {
    const updater = this.#updater;
    if (!updater || !['unknown', 'current', 'failed'].includes(this.#state.state)) return;
    await this.#step({ state: 'checking' }, async () => {
      const found = await updater.check();
      this.#found = found ?? this.#found;
      return found ? { state: 'available', ...found } : { state: 'current' };
    });
  }

  async download(): Promise<void> {
    const updater = this.#updater;
    if (!updater || this.#state.state !== 'available') return;
    const { version } = this.#found;
    await this.#step({ state: 'downloading', version, percent: 0 }, async () => {
      await updater.download(percent => this.#become({ state: 'downloading', version, percent: Math.floor(percent) }));
      return { state: 'ready', ...this.#found };
    });
  }

  install(): void {
    if (this.#state.state === 'ready') this.#updater?.install();
  }

  async #step(begun: UpdateState, work: () => Promise<UpdateState>): Promise<void> {
    this.#become(begun);
    try {
      this.#become(await work());
    } catch (error) {
      this.#become({ state: 'failed', reason: messageOf(error) });
    }
  }

  #become(state: UpdateState): void {
    this.#state = state;
    this.#changed();
  }
}
