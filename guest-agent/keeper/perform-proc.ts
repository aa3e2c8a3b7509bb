import { constants } from 'node:fs';
import {
  closeFd,
  openAt2,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  toBytes,
} from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { newFilesystem } from '../syscalls/mount.ts';
import { writeFd } from '../syscalls/process.ts';

/**
 * Writes to proc go through a mount of our own that is attached nowhere: what the container has at `/proc` may have been
 * covered or led elsewhere, and a label written to the wrong file protects nothing.
 */
function withProc(write: (proc: number) => void): void {
  const proc = newFilesystem('proc', []);
  try {
    write(proc);
  } finally {
    closeFd(proc);
  }
}

function writeFile(directory: number, path: string, value: string, resolve: number): void {
  const fd = openAt2(directory, toBytes(path), constants.O_WRONLY, RESOLVE_BENEATH | resolve);
  try {
    writeFd(fd, Buffer.from(value), path);
  } finally {
    closeFd(fd);
  }
}

/** `net.ipv4.ip_forward` to value, in the namespaces of this process. A dot inside a name is written as a slash. */
export function writeSysctls(values: Record<string, string>): void {
  withProc(proc => {
    for (const [key, value] of Object.entries(values)) {
      const path = key.replace(/[./]/g, separator => (separator === '.' ? '/' : '.'));
      writeFile(proc, `sys/${path}`, value, RESOLVE_NO_SYMLINKS);
    }
  });
}

/** The profile that the next execve puts on. apparmor(7) */
export function setAppArmorProfile(profile: string): void {
  withProc(proc => {
    try {
      writeFile(proc, 'thread-self/attr/apparmor/exec', `exec ${profile}`, RESOLVE_NO_MAGICLINKS);
    } catch (error) {
      if (!isSyscallError(error, 'ENOENT')) throw error;
      writeFile(proc, 'thread-self/attr/exec', `exec ${profile}`, RESOLVE_NO_MAGICLINKS);
    }
  });
}
