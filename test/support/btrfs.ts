import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why no btrfs can be had here; undefined when one can. */
export function whyNoBtrfs(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs root and Linux';
  if (!existsSync('/dev/loop-control')) return 'there are no loop devices';
  return readFileSync('/proc/filesystems', 'utf8').includes('btrfs') ? undefined : 'this kernel has no btrfs';
}

/** A new btrfs in a file of its own, that ends with `unmount`. */
export function mountBtrfs(): { path: string; unmount(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'berth-btrfs-'));
  const path = join(folder, 'mounted');
  const sh = (script: string): Buffer => execFileSync('sh', ['-ec', script], { cwd: folder });
  sh('mkdir mounted; truncate -s 1G disk; mkfs.btrfs -q disk; mount -o loop disk mounted');
  return {
    path,
    unmount: () => {
      sh('umount mounted');
      rmSync(folder, { recursive: true });
    },
  };
}
