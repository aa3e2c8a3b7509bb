import { check, declare, errno } from './libc.ts';

const SPLICE_F_NONBLOCK = 2;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const F_SETPIPE_SZ = 1031;
const EAGAIN = 11;
const EINTR = 4;

const rawSplice = declare<
  (from: number, fromOffset: null, to: number, toOffset: BigInt64Array, length: number, flags: number) => number
>('long splice(int from, void *fromOffset, int to, void *toOffset, size_t length, unsigned int flags)');
const rawFcntl = declare<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int command, long argument)',
);
const rawMkfifo = declare<(path: string, mode: number) => number>('int mkfifo(const char *path, uint32_t mode)');
const rawFallocate = declare<(fd: number, mode: number, offset: number, length: number) => number>(
  'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
);

/**
 * Moves what is in a pipe into a file at `offset`, inside the kernel: a byte is in one or the other, also when the
 * process is killed meanwhile. Returns how many, 0 at the pipe's end, undefined when there is nothing now.
 */
export function splicePipe(pipe: number, file: number, offset: number, most: number): number | undefined {
  const result = Number(rawSplice(pipe, null, file, BigInt64Array.of(BigInt(offset)), most, SPLICE_F_NONBLOCK));
  if (result === -1 && [EAGAIN, EINTR].includes(errno())) return undefined;
  return check('splice', result, pipe);
}

/** Lets a pipe hold `bytes`, if this host allows so much. */
export function growPipe(pipe: number, bytes: number): void {
  rawFcntl(pipe, F_SETPIPE_SZ, bytes);
}

/** A named pipe. @throws SyscallError, EEXIST when something is there */
export function makeFifo(path: string, mode: number): void {
  check('mkfifo', rawMkfifo(path, mode), path);
}

/** Gives the blocks of a part of a file back; it reads as zeros then and the size stays. */
export function punchHole(file: number, offset: number, length: number): void {
  check('fallocate', rawFallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length), file);
}
