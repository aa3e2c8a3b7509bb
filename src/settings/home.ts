import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where everything of one Berth lives. Two homes know nothing of each other. */
export interface Home {
  folder: string;
  /** The engine's socket for this user's programs. */
  dockerSocket: string;
  /** `unix:///…/docker.sock`, as DOCKER_HOST wants it. */
  dockerHost: string;
  settings: string;
  /** Volumes that are backed up on a schedule. */
  backups: string;
  images: string;
  /** The machine: keys, data disk, console, what runs. */
  machine: string;
  /** What the host program says. */
  log: string;
  /** State of the engine that runs on this computer itself (`berth up --native`). */
  native: string;
  cache: string;
}

/** BERTH_HOME, else the platform's own place for a program's data. */
export function homeFolder(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  user = homedir(),
): string {
  if (env.BERTH_HOME) return resolve(env.BERTH_HOME);
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(user, 'AppData', 'Local'), 'Berth');
  if (platform === 'darwin') return join(user, 'Library', 'Application Support', 'Berth');
  return join(env.XDG_DATA_HOME ?? join(user, '.local', 'share'), 'berth');
}

export function homeAt(folder: string, platform: NodeJS.Platform = process.platform): Home {
  const dockerSocket = platform === 'win32' ? '\\\\.\\pipe\\berth_engine' : join(folder, 'docker.sock');
  return {
    folder,
    dockerSocket,
    dockerHost: platform === 'win32' ? 'npipe:////./pipe/berth_engine' : `unix://${dockerSocket}`,
    settings: join(folder, 'settings.json'),
    backups: join(folder, 'backups.json'),
    images: join(folder, 'images'),
    machine: join(folder, 'machine'),
    log: join(folder, 'berth.log'),
    native: join(folder, 'native'),
    cache: join(folder, 'cache'),
  };
}
