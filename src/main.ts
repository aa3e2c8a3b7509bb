import { join } from 'node:path';
import { readJsonFile, writeJsonFileSync } from '../base/json-file.ts';
import { type DesktopPreferences, defaultDesktopPreferences } from '../contracts/desktop.ts';
import { electronShell } from './app/electron-shell.ts';
import { runDesktop } from './app/index.ts';
import { bridgeServers, watchMachine } from './command-line/dashboard.ts';
import { ensureHome, surroundings } from './command-line/surroundings.ts';
import { startQuietly } from './command-line/window-command.ts';
import { followEvents } from './dashboard/index.ts';

/** The desktop program: Electron's window on the same bridge that `berth dashboard` serves. */
const around = surroundings();
ensureHome(around);
const { home } = around;
const dist = join(import.meta.dirname, '..');
const boundsFile = join(home.folder, 'window.json');
const preferencesFile = join(home.folder, 'desktop.json');
/** Until this program ends. */
const { signal } = new AbortController();

/** macOS colours what is called a template as its menu bar is. */
const icon = process.platform === 'darwin' ? 'trayTemplate.png' : 'tray.png';

const shell = electronShell(join(dist, 'renderer'), join(dist, 'desktop', icon));
// not awaited: Electron is not ready before this module has ended
void runDesktop({
  shell,
  servers: bridgeServers(around, home.dockerSocket),
  preload: join(dist, 'desktop', 'preload.cjs'),
  args: process.argv.slice(1),
  bounds: saved(boundsFile),
  saveBounds: bounds => writeJsonFileSync(boundsFile, bounds),
  preferences: { ...defaultDesktopPreferences, ...(saved(preferencesFile) as Partial<DesktopPreferences> | undefined) },
  savePreferences: preferences => writeJsonFileSync(preferencesFile, preferences),
  watchMachine: take => void watchMachine(around, home.dockerSocket, take, signal),
  watchEvents: take => void followEvents(home.dockerSocket, take, signal),
  startEngine: () => startQuietly(around),
}).then(started => {
  if (!started) shell.quit();
});

/** What is in a file of ours; a torn one is worth no more than none. */
function saved(file: string): unknown {
  try {
    return readJsonFile(file);
  } catch {
    return undefined;
  }
}
