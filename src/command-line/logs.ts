import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { unavailable } from '../../contracts/errors.ts';
import { filesIn } from '../machine/index.ts';
import type { Surroundings } from './surroundings.ts';

export interface LogsOptions {
  /** The guest's console in place of the host program's log. */
  console: boolean;
  follow: boolean;
}

const pollMs = 200;

/** `berth logs`: what the host program has written, or the guest on its console. With `follow` until Ctrl-C. */
export async function logs(around: Surroundings, options: LogsOptions): Promise<void> {
  const path = options.console ? filesIn(around.home.machine).console : around.home.log;
  let file = openLog(path);
  const stopped = new AbortController();
  process.once('SIGINT', () => stopped.abort());
  process.stdout.once('error', () => stopped.abort());
  try {
    for (;;) {
      copyRest(file);
      if (!options.follow || stopped.signal.aborted) return;
      await new Promise(resolve => setTimeout(resolve, pollMs));
      // A new start begins a new console.
      if (fstatSync(file).nlink === 0) {
        closeSync(file);
        file = openLog(path);
      }
    }
  } finally {
    closeSync(file);
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw unavailable(`There is no log yet (${path})`, { cause });
  }
}

const chunk = Buffer.alloc(65_536);

function copyRest(file: number): void {
  for (;;) {
    const length = readSync(file, chunk);
    if (length === 0) return;
    process.stdout.write(Buffer.from(chunk.subarray(0, length)));
  }
}
