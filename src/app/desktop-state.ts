import type { CallRequest } from '../../contracts/bridge.ts';
import type { DesktopPreferences, DesktopView } from '../../contracts/desktop.ts';
import type { ServedStream } from '../dashboard/index.ts';
import type { Shell } from './shell.ts';
import { type DesktopTexts, desktopTexts } from './texts.ts';
import { Updates } from './updates.ts';

/** Milliseconds between two looks for a newer version, where the user wants them. */
const lookEveryMs = 24 * 3_600_000;

/** What the user chose about the desktop program, and how far an update is; windows watch and change it. */
export class DesktopState {
  readonly #shell: Shell;
  readonly #save: (preferences: DesktopPreferences) => void;
  readonly #watchers = new Set<() => void>();
  readonly #updates: Updates;
  #preferences: DesktopPreferences;
  #looking: ReturnType<typeof setInterval> | undefined;

  constructor(shell: Shell, preferences: DesktopPreferences, save: (preferences: DesktopPreferences) => void) {
    this.#shell = shell;
    this.#preferences = preferences;
    this.#save = save;
    this.#updates = new Updates(shell.updater(), () => this.#tell());
    this.#look();
  }

  get preferences(): DesktopPreferences {
    return this.#preferences;
  }

  /** The words of menus and news. */
  get texts(): DesktopTexts {
    return desktopTexts(this.#preferences.language, this.#shell.locale());
  }

  get view(): DesktopView {
    return { ...this.#preferences, startsAtLogin: this.#shell.startsAtLogin(), update: this.#updates.state };
  }

  change({ startsAtLogin, update, ...chosen }: CallRequest<'changeDesktop'>): void {
    if (startsAtLogin !== undefined) this.#shell.startAtLogin(startsAtLogin);
    const { notifications, looksForUpdates, language } = this.#preferences;
    this.#preferences = {
      notifications: chosen.notifications ?? notifications,
      looksForUpdates: chosen.looksForUpdates ?? looksForUpdates,
      language: chosen.language ?? language,
    };
    this.#save(this.#preferences);
    if (this.#preferences.looksForUpdates !== looksForUpdates) this.#look();
    if (update === 'check') void this.#updates.check();
    else if (update === 'download') void this.#updates.download();
    else if (update === 'install') this.#updates.install();
    this.#tell();
  }

  /** `tell` whenever something has changed. */
  watch(tell: () => void): void {
    this.#watchers.add(tell);
  }

  /** Serves the stream of a window until it wants no more. */
  async serve(stream: ServedStream): Promise<void> {
    const tell = (): void => stream.item(this.view);
    this.watch(tell);
    tell();
    await new Promise<void>(resolve => stream.signal.addEventListener('abort', () => resolve()));
    this.#watchers.delete(tell);
  }

  #look(): void {
    clearInterval(this.#looking);
    if (!this.#preferences.looksForUpdates) return;
    void this.#updates.check();
    this.#looking = setInterval(() => void this.#updates.check(), lookEveryMs);
    this.#looking.unref();
  }

  #tell(): void {
    for (const tell of this.#watchers) tell();
  }
}
