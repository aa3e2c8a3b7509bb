import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder, syncFolderSync } from './sync.ts';

const temporaryOf = (path: string): string => join(dirname(path), `.${basename(path)}.tmp`);

/**
 * Writes a whole JSON document so that a power cut leaves the old one or the new one:
 * temporary file, fsync, rename, fsync of the folder. The folder must exist; one writer per path.
 */
export async function writeJsonFile(path: string, value: unknown, mode = 0o600): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(JSON.stringify(value));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** {@link writeJsonFile} in one synchronous block, for records on the way of `docker run`: no turn of the loop is lost. */
export function writeJsonFileSync(path: string, value: unknown, mode = 0o600): void {
  const temporary = temporaryOf(path);
  try {
    const file = openSync(temporary, 'w', mode);
    try {
      writeSync(file, JSON.stringify(value));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolderSync(dirname(path));
}

/** The document at `path`, or undefined if there is none. @throws SyntaxError when it is torn: see {@link quarantine}. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Puts a record that cannot be read aside, so that the engine starts anyway and nothing is lost. Returns where it went. */
export function quarantine(path: string, folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const target = join(folder, `${basename(dirname(path))}-${basename(path)}-${Date.now()}`);
  renameSync(path, target);
  return target;
}
