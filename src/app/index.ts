/**
 * Room `app`: the desktop program around the window. What it does is in `desktop.ts`, on a small {@link Shell}; only
 * `electron-shell.ts` knows Electron.
 */
export { visibleBounds } from './bounds.ts';
export { type DesktopOptions, isWebAddress, runDesktop } from './desktop.ts';
export { AutostartFile, hiddenArgument } from './login-item.ts';
export { type News, NewsDesk } from './news.ts';
export type { Bounds, MenuEntry, Port, Shell, Window, WindowOptions } from './shell.ts';
export { desktopTexts } from './texts.ts';
export { type Updater, Updates } from './updates.ts';
