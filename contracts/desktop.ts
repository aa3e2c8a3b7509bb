/** Names of what passes between Electron's main program and its window beside the frames of the bridge. */
export const desktopChannels = {
  /** The window asks for its end of the bridge: a message port comes back under the same name. */
  openBridge: 'berth:open-bridge',
  /** Where the window should go: a path of its router. */
  goTo: 'berth:go-to',
} as const;

/** A path of the window's router, from a link like `berth://containers/abc/logs`; undefined for every other text. */
export function pathOfDeepLink(link: string): string | undefined {
  const found =
    /^berth:\/\/(overview|containers|compose|images|volumes|networks|builds|engines|settings|diagnose)((?:\/\w[\w.:-]{0,127}){0,2})\/?$/.exec(
      link,
    );
  return found ? `/${found[1]}${found[2]}` : undefined;
}

/** What the window and the desktop program around it speak. */
export type Language = 'en' | 'de';

/** What its user chose about the desktop program. */
export interface DesktopPreferences {
  /** The system tells of containers that end badly, also while no window is open. */
  notifications: boolean;
  /** Berth looks for a newer version by itself, once a day; it fetches and installs none that nobody asked for. */
  looksForUpdates: boolean;
  /** What the window speaks; undefined until one was open: the system's language counts then. */
  language?: Language | undefined;
}

export const defaultDesktopPreferences: DesktopPreferences = { notifications: true, looksForUpdates: false };

/** How far an update is; each step is one that the user asked for. */
export type UpdateState =
  | { state: 'unsupported' | 'unknown' | 'checking' | 'current' }
  | { state: 'available' | 'ready'; version: string; notes: string }
  | { state: 'downloading'; version: string; percent: number }
  | { state: 'failed'; reason: string };

/** The desktop program, as its window shows it. */
export interface DesktopView extends DesktopPreferences {
  /** The system starts Berth, and with it the engine, when its user logs in. */
  startsAtLogin: boolean;
  update: UpdateState;
}
