import type { News } from './news.ts';
import type { Updater } from './updates.ts';

/**
 * What Berth needs of Electron, in a few words of its own: the program behind it can be tested without a screen, and
 * nothing else of Electron can creep in. `electron-shell.ts` is the real one.
 */
export interface Shell {
  /** False when another Berth of this user runs already: it has been told our arguments. */
  becomeOnlyInstance(): boolean;
  whenReady(): Promise<void>;
  onSecondInstance(take: (args: readonly string[]) => void): void;
  /** A `berth://` link that the system passes on. */
  onLink(take: (link: string) => void): void;
  /** Somebody clicked the program's icon while no window is open. */
  onActivate(take: () => void): void;
  onQuit(take: () => void): void;
  openWindow(options: WindowOptions): Window;
  showTray(entries: readonly MenuEntry[], tooltip: string): void;
  showMenu(entries: readonly MenuEntry[]): void;
  /** In the user's browser. */
  openOutside(address: string): void;
  /** The parts of the screens that windows may use. */
  workAreas(): Required<Bounds>[];
  /** Told by the system, at the side of the screen; `chosen` when somebody clicks it. */
  notify(news: News, chosen: () => void): void;
  startsAtLogin(): boolean;
  startAtLogin(wanted: boolean): void;
  /** Undefined where this program cannot be replaced by itself. */
  updater(): Updater | undefined;
  /** What the system speaks, a tag like `de-AT`. */
  locale(): string;
  quit(): void;
}

/** Where a window was, in pixels of the desktop. */
export interface Bounds {
  x?: number;
  y?: number;
  width: number;
  height: number;
}

export interface WindowOptions {
  bounds: Bounds;
  preload: string;
  /** Called with the port of each bridge that the page opens. */
  onBridge(port: Port): void;
  /** Called with every address that the page wants to open or go to; it gets none of them. */
  onAddress(address: string): void;
  onBounds(bounds: Bounds): void;
  onClosed(): void;
  /** The page's process has ended, and with it everything that the page knew. */
  onCrashed(): void;
}

export interface Window {
  show(): void;
  goTo(path: string): void;
  reload(): void;
}

/** One end of a message port. */
export interface Port {
  post(message: string | Uint8Array): void;
  onMessage(take: (message: unknown) => void): void;
  onClose(take: () => void): void;
}

/** What the system does by itself when it is chosen. */
export type MenuRole =
  | ('undo' | 'redo' | 'cut' | 'copy' | 'paste' | 'selectAll')
  | ('reload' | 'resetZoom' | 'zoomIn' | 'zoomOut' | 'togglefullscreen' | 'toggleDevTools')
  | ('minimize' | 'close');

export type MenuEntry =
  | { kind: 'separator' }
  | { kind: 'role'; role: MenuRole; label: string }
  | { kind: 'action'; label: string; accelerator?: string; enabled?: boolean; run: () => void }
  | { kind: 'menu'; label: string; entries: readonly MenuEntry[] };
