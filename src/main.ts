import { join } from 'node:path';
import { readJsonFile, writeJsonFileSync } from '../base/json-file.ts';
import { electronShell } from './app/electron-shell.ts';
import { type Bounds, runDesktop } from './app/index.ts';
import { bridgeServers } from './command-line/dashboard.ts';
import { ensureHome, surroundings } from './command-line/surroundings.ts';

/** The desktop program: Electron's window on the same bridge that `berth dashboard` serves. */
const around = surroundings();
ensureHome(around);
const dist = join(import.meta.dirname, '..');
const boundsFile = join(around.home.folder, 'window.json');

const shell = electronShell(join(dist, 'renderer'), join(dist, 'desktop', 'tray.png'));
// not awaited: Electron is not ready before this module has ended
void runDesktop({
  shell,
  servers: bridgeServers(around, around.home.dockerSocket),
  preload: join(dist, 'desktop', 'preload.cjs'),
  args: process.argv.slice(1),
  bounds: savedBounds(),
  saveBounds: bounds => writeJsonFileSync(boundsFile, bounds),
}).then(started => {
  if (!started) shell.quit();
});

/** Where the window was; in the middle and of a usual size when that is not known. */
function savedBounds(): Bounds {
  const usual = { width: 1200, height: 800 };
  try {
    return { ...usual, ...(readJsonFile(boundsFile) as Partial<Bounds> | undefined) };
  } catch {
    return usual; // a torn file is worth no more
  }
}
