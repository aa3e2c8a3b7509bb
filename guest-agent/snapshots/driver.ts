import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { isBtrfs } from '../syscalls/btrfs.ts';
import { closeFd } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { newWritableOverlay } from '../syscalls/overlay.ts';
import { fuseRefusalAt } from './fuse-overlay.ts';
import { overlayOptions, writableOptions } from './overlay.ts';
import type { StorageDriver } from './snapshots.ts';

/** The driver that is asked for, or the best that the kernel allows below `root`. @throws Error in dockerd's words */
export function chooseDriver(root: string, { driver, log }: { driver: string | undefined; log: Log }): StorageDriver {
  if (driver === 'vfs') return driver;
  if (driver === 'fuse-overlayfs') {
    const refusal = fuseRefusalAt(root);
    if (refusal === undefined) return driver;
    throw notSupported(driver, refusal);
  }
  if (driver === 'btrfs') {
    if (isBtrfs(root)) return driver;
    throw notSupported(driver, new Error(`${root} is not on btrfs`));
  }
  const isAuto = driver === undefined || driver === '';
  if (!isAuto && driver !== 'overlay2') throw notSupported(driver);
  const place = `${release()} ${statSync(root).dev}`;
  const known = join(root, 'overlay-works');
  if (readIfThere(known) === place) return 'overlay2';
  const refusal = refusalOf(root);
  if (refusal === undefined) {
    writeFileSync(known, place, { mode: 0o600 });
    return 'overlay2';
  }
  if (!isAuto) throw notSupported(driver, refusal);
  return isBtrfs(root) ? 'btrfs' : standInFor(refusal, root, log);
}

function standInFor(refusal: unknown, root: string, log: Log): StorageDriver {
  const alsoRefused = fuseRefusalAt(root);
  if (alsoRefused === undefined) return 'fuse-overlayfs';
  log.warn('The kernel refuses overlayfs here: every container gets a copy of its image, which takes time and room', {
    root,
    error: refusal,
    'fuse-overlayfs': alsoRefused,
  });
  return 'vfs';
}

/** The trial takes milliseconds of every start, so it is made once for a kernel and a file system. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const notSupported = (driver: string, cause?: unknown): Error =>
  new Error(`error initializing graphdriver: driver not supported: ${driver}`, { cause });

/** Why overlayfs cannot be mounted with an upper directory below `root`; some file systems, itself among them, cannot bear one. */
function refusalOf(root: string): unknown {
  const probe = join(root, 'probe');
  const at = (name: string): string => join(probe, name);
  try {
    for (const name of ['lower', 'upper', 'work']) mkdirSync(at(name), { recursive: true, mode: 0o700 });
    const mount = {
      lowerdirs: [at('lower')],
      upperdir: at('upper'),
      workdir: at('work'),
      options: [...overlayOptions],
    };
    closeFd(newWritableOverlay(writableOptions(mount), mount.workdir));
    return undefined;
  } catch (error) {
    if (isSyscallError(error)) return error;
    throw error;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
