/**
 * Room `app`: the desktop program around the window. What it does is in `desktop.ts`, on a small {@link Shell}; only
 * `electron-shell.ts` knows Electron.
 */
export { type DesktopOptions, isWebAddress, runDesktop } from './desktop.ts';
export type { Bounds, MenuEntry, Port, Shell, Window, WindowOptions } from './shell.ts';
