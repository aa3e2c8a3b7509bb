import { mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { mountFilesystem, unmount } from '../syscalls/mount.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../syscalls/mount-flags.ts';

const TMPFS_MAGIC = 0x01021994;

const runFolders = (execRoot: string): string => join(execRoot, 'containers');

/**
 * What containers run with (FIFOs, what they have said and nobody has taken, plans with their secrets) is on no disk: where
 * `/run` is on one, it gets a tmpfs of its own. What an earlier engine's containers still use stays where it is.
 */
export function keepRunFoldersInMemory(execRoot: string, log: Log): void {
  const folder = runFolders(execRoot);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (statfsSync(folder).type === TMPFS_MAGIC || readdirSync(folder).length > 0) return;
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  try {
    mountFilesystem({ source: 'tmpfs', target: folder, type: 'tmpfs', flags, data: 'mode=711' });
  } catch (error) {
    log.warn('What containers run with is on a disk', { folder, error });
  }
}

/** Takes the tmpfs away again, if there is one. */
export function dropRunFolders(execRoot: string): void {
  try {
    unmount(runFolders(execRoot));
  } catch (error) {
    if (!isSyscallError(error, 'EINVAL', 'ENOENT')) throw error; // none
  }
}
