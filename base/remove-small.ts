import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

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
