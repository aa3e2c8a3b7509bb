import { availableParallelism, totalmem } from 'node:os';
import { readJsonFile } from '../../base/json-file.ts';
import { invalidArgument } from '../../contracts/errors.ts';

/** What a user may choose; `settings.json` in the home holds only what differs from the defaults. */
export interface Settings {
  cpus: number;
  memoryMiB: number;
  /** The data disk's size as the guest sees it. It is sparse: the host gives only what is used. */
  diskGiB: number;
  /** Keys of Docker's daemon.json for the engine. */
  engine: Record<string, unknown>;
}

/** All processors, a quarter of the memory within 1 to 8 GiB. */
export function defaultSettings(cpus = availableParallelism(), memoryBytes = totalmem()): Settings {
  const quarterMiB = Math.round(memoryBytes / 4 / 1024 ** 2);
  return { cpus: Math.min(cpus, 8), memoryMiB: Math.min(Math.max(quarterMiB, 1024), 8192), diskGiB: 64, engine: {} };
}

const limits = { cpus: [1, 64], memoryMiB: [512, 1_048_576], diskGiB: [4, 16_384] } as const;

/** The settings in `file`, checked. @throws invalid-argument naming the key that cannot be. */
export function readSettings(file: string, defaults: Settings = defaultSettings()): Settings {
  const settings = { ...defaults, ...(readDocument(file) as Partial<Settings> | undefined) };
  for (const [key, [least, most]] of Object.entries(limits)) {
    const value: unknown = settings[key as keyof typeof limits];
    const good = Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
    if (!good) throw invalidArgument(`${file}: ${key} must be a whole number from ${least} to ${most}`);
  }
  return settings;
}

function readDocument(file: string): unknown {
  try {
    return readJsonFile(file);
  } catch (cause) {
    throw invalidArgument(`${file} is not JSON: repair or delete it`, { cause });
  }
}
