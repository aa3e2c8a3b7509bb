import type { MenuEntry, News, Port, Shell, Updater, WindowOptions } from '../../src/app/index.ts';

/** A desktop without a screen, that behaves: windows can be closed, menus chosen, a second instance started. */
export class FakeShell implements Shell {
  /** What was done, in a word or two each. */
  readonly heard: string[] = [];
  readonly windows: WindowOptions[] = [];
  menu: readonly MenuEntry[] = [];
  tray: readonly MenuEntry[] = [];
  told: { news: News; chosen: () => void }[] = [];
  atLogin = false;
  /** What the system speaks. */
  language = 'en-GB';
  /** What the place of updates has; undefined where this program cannot be replaced. */
  newest: { version: string; notes: string } | undefined;
  readonly #takers = new Map<string, (value: never) => void>();
  readonly #first: boolean;
  readonly #canUpdate: boolean;

  constructor({ first = true, canUpdate = false } = {}) {
    this.#first = first;
    this.#canUpdate = canUpdate;
  }

  /** Something happens on the desktop: `second`, `link`, `activate`, `quit`. */
  happen(event: string, value?: unknown): void {
    this.#takers.get(event)?.(value as never);
  }

  becomeOnlyInstance = (): boolean => this.#first;
  whenReady = async (): Promise<void> => undefined;
  onSecondInstance = (take: (args: readonly string[]) => void): void => void this.#takers.set('second', take);
  onLink = (take: (link: string) => void): void => void this.#takers.set('link', take);
  onActivate = (take: () => void): void => void this.#takers.set('activate', take);
  onQuit = (take: () => void): void => void this.#takers.set('quit', take);

  openWindow(options: WindowOptions): ReturnType<Shell['openWindow']> {
    this.windows.push(options);
    const hear = (what: string): void => void this.heard.push(what);
    return { show: () => hear('show'), goTo: hear, reload: () => hear('reload') };
  }

  showTray(entries: readonly MenuEntry[], tooltip: string): void {
    this.tray = entries;
    this.heard.push(`tray ${tooltip}`);
  }

  showMenu(entries: readonly MenuEntry[]): void {
    this.menu = entries;
  }

  openOutside = (address: string): void => void this.heard.push(`outside ${address}`);
  workAreas = (): { x: number; y: number; width: number; height: number }[] => [
    { x: 0, y: 0, width: 1920, height: 1080 },
  ];
  notify = (news: News, chosen: () => void): void => void this.told.push({ news, chosen });
  startsAtLogin = (): boolean => this.atLogin;
  startAtLogin = (wanted: boolean): void => {
    this.atLogin = wanted;
  };
  locale = (): string => this.language;
  quit = (): void => void this.heard.push('quit');

  updater(): Updater | undefined {
    if (!this.#canUpdate) return undefined;
    return {
      check: async () => this.newest,
      download: async tell => {
        this.heard.push('download');
        tell(50.4);
      },
      install: () => void this.heard.push('install'),
    };
  }
}

/** The window's end of a message port: what was sent to it, and a way to send. */
export function fakePort(): { port: Port; posted: unknown[]; send(frame: object): void } {
  const posted: unknown[] = [];
  let take: (message: unknown) => void = () => undefined;
  const port: Port = {
    post: message => void posted.push(JSON.parse(String(message))),
    onMessage: taker => {
      take = taker;
    },
    onClose: () => undefined,
  };
  return { port, posted, send: frame => take(JSON.stringify(frame)) };
}

/** Runs the entry of a menu that has this label. */
export function choose(entries: readonly MenuEntry[], label: string): void {
  const found = entries.find(entry => entry.kind === 'action' && entry.label === label);
  if (found?.kind !== 'action') throw new Error(`no ${label}`);
  found.run();
}
