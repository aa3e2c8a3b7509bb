import { closeSync, mkdirSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, type Log } from '../../base/log.ts';
import { ownCertificates, proxySettings } from '../integration/index.ts';
import { type Arch, Machine, openQemuDriver, ownArch } from '../machine/index.ts';
import { type Home, homeAt, homeFolder, readSettings, type Settings } from '../settings/index.ts';

/** What every command works with: found once, at the start. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  home: Home;
  arch: Arch;
  /** The folder with package.json. */
  project: string;
  /** Lines for the user: results on standard output, everything else on standard error. */
  print(line: string): void;
  tell(line: string): void;
}

export function surroundings(env: NodeJS.ProcessEnv = process.env): Surroundings {
  // `berth status | head -1`, or a terminal that was closed: nobody reads on, which is no failure of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return {
    env,
    home: homeAt(homeFolder(env)),
    arch: ownArch(),
    project: join(import.meta.dirname, '..', '..'),
    print: line => void process.stdout.write(`${line}\n`),
    tell: line => void process.stderr.write(`${line}\n`),
  };
}

export const imageFolder = ({ home, arch }: Surroundings): string => join(home.images, arch);

/** Makes the home, for this user only. */
export function ensureHome({ home }: Surroundings): void {
  for (const folder of [home.folder, home.machine]) mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Beyond this size the log starts anew. */
const longestLog = 5_000_000;

/** The host program's log: `berth.log` in the home, read by `berth logs`. */
export function openHostLog({ home, env }: Surroundings): Log {
  if ((statSync(home.log, { throwIfNoEntry: false })?.size ?? 0) > longestLog) truncateSync(home.log);
  const file = openSync(home.log, 'a', 0o600);
  process.once('exit', () => closeSync(file));
  return createLog({ level: env.BERTH_DEBUG ? 'debug' : 'info', write: line => void writeSync(file, line) });
}

/** The machine of this home, as its settings want it. @throws invalid-argument for settings that cannot be. */
export function openMachine(
  around: Surroundings,
  log: Log,
  settings: Settings = readSettings(around.home.settings),
): Machine {
  const { home, arch, env } = around;
  return new Machine({
    folder: home.machine,
    imageFolder: imageFolder(around),
    arch,
    dockerSocket: home.dockerSocket,
    driver: openQemuDriver({ arch, folder: home.machine, env, log }),
    cpus: settings.cpus,
    memoryMiB: settings.memoryMiB,
    diskGiB: settings.diskGiB,
    guest: { proxy: proxySettings(env), certificates: ownCertificates(env), engine: settings.engine },
    log,
  });
}
