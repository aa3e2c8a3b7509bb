import { check, declare } from './libc.ts';

const PROC_SUPER_MAGIC = 0x9fa0n;
const rawFstatfs = declare<(fd: number, status: Buffer) => number>('int fstatfs(int fd, void *status)');

/** Filled anew by each call. */
const status = Buffer.alloc(120); // struct statfs

/** `fd` (which may be an O_PATH descriptor) is of a proc file system, wherever that is mounted. statfs(2) */
export function isProc(fd: number): boolean {
  check('fstatfs', rawFstatfs(fd, status), fd);
  return status.readBigInt64LE(0) === PROC_SUPER_MAGIC;
}
