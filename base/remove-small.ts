import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** By then whoever caused the removal has its answer, and probably something else is being waited for. */
const laterMs = 5;
const mostEntries = 32;
const mostBytes = 1 << 20;

/**
 * Removes a tree at once if that takes no time worth mentioning: a thread costs ten times as much for a handful of small
 * files. False, and nothing has happened, when it is larger; then it is work for a thread. A path that is not there is fine.
 */
export function removeIfSmall(path: string): boolean {
  const left = { entries: mostEntries, bytes: mostBytes };
  try {
    if (!fits(path, left)) return false;
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function fits(folder: string, left: { entries: number; bytes: number }): boolean {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    left.entries--;
    if (entry.isFile()) left.bytes -= lstatSync(path).size;
    if (left.entries < 0 || left.bytes < 0) return false;
    if (entry.isDirectory() && !fits(path, left)) return false;
  }
  return true;
}

/** Removes a tree that nobody looks at any more, in a little while. */
export async function removeLater(path: string): Promise<void> {
  await sleep(laterMs);
  if (!removeIfSmall(path)) await rm(path, { recursive: true, force: true });
}
