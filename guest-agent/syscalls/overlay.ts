import { AT_FDCWD, AT_REMOVEDIR, closeFd, mkdirAt, toBytes, unlinkAt } from './file.ts';
import { check, declare } from './libc.ts';
import { newFilesystem } from './mount.ts';

const ST_RDONLY = 1;
const statfsSize = 120; // struct statfs, x86-64 and arm64 alike
const flagsOffset = 80;
const rawFstatfs = declare<(fd: number, buffer: Buffer) => number>('int fstatfs(int fd, void *buffer)');

/**
 * An overlay to be written to, as a detached mount's descriptor. When the kernel has no room for its work folder it
 * mounts read-only and says so in its own log alone: a program would be told of a read-only file system where the disk
 * is full. Then this fails as making a folder does. @throws SyscallError
 */
export function newWritableOverlay(options: readonly string[], workdir: string): number {
  const mount = newFilesystem('overlay', options);
  if (!isReadonly(mount)) return mount;
  closeFd(mount);
  const probe = toBytes(`${workdir}/room`);
  mkdirAt(AT_FDCWD, probe, 0o700);
  unlinkAt(AT_FDCWD, probe, AT_REMOVEDIR);
  return newFilesystem('overlay', options); // there is room again
}

function isReadonly(fd: number): boolean {
  const status = Buffer.alloc(statfsSize);
  check('fstatfs', rawFstatfs(fd, status), fd);
  return (status.readUInt32LE(flagsOffset) & ST_RDONLY) !== 0;
}
