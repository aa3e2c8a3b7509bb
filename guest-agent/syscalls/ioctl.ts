import { declare } from './libc.ts';

/** ioctl(2) with a structure that is read, or filled. -1 when it fails: ask errno at once. */
export const ioctl = declare<(fd: number, request: number, argument: Buffer) => number>(
  'int ioctl(int fd, ulong request, void *argument)',
);
