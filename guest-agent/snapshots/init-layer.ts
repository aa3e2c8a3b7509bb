import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { syncFileSystemOf } from '../syscalls/file.ts';

const directories = ['dev/pts', 'dev/shm', 'etc', 'proc', 'sys'];
const files = ['.dockerenv', 'dev/console', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf'];

/**
 * The lowest layer of every container: what the runtime mounts on, where an image has none. Docker makes such a layer
 * for each container; below the image one does for all, and neither the writable layer nor `docker diff` sees them.
 */
export async function ensureInitLayer(root: string): Promise<string> {
  const folder = join(root, 'init');
  if (existsSync(folder)) return folder;
  const draft = join(root, 'init.new');
  rmSync(draft, { recursive: true, force: true });
  for (const directory of directories) mkdirSync(join(draft, directory), { recursive: true, mode: 0o755 });
  for (const file of files) writeFileSync(join(draft, file), '', { mode: 0o755 });
  symlinkSync('/proc/mounts', join(draft, 'etc/mtab'));
  await syncFileSystemOf(draft);
  renameSync(draft, folder);
  return folder;
}
