import { declare, errno, isSyscallError, SyscallError } from './libc.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const lseek = declare<(fd: number, offset: number, whence: number) => number | bigint>(
  'int64_t lseek(int fd, int64_t offset, int whence)',
);

/** Where in a file its data are; between them are holes. */
export interface Extent {
  offset: number;
  length: number;
}

/** The data of the first `size` bytes of a file; undefined when it has no holes, or the file system does not tell. */
export function dataOf(fd: number, size: number): Extent[] | undefined {
  if (size === 0 || (seek(fd, 0, SEEK_HOLE) ?? size) >= size) return undefined;
  const extents: Extent[] = [];
  for (let end = 0; end < size; ) {
    const offset = seek(fd, end, SEEK_DATA);
    if (offset === undefined || offset >= size) break;
    end = Math.min(seek(fd, offset, SEEK_HOLE) ?? size, size);
    extents.push({ offset, length: end - offset });
  }
  return extents;
}

/** Undefined: there is nothing more of the kind. */
function seek(fd: number, offset: number, whence: number): number | undefined {
  const found = Number(lseek(fd, offset, whence));
  if (found >= 0) return found;
  const error = new SyscallError('lseek', errno(), String(fd));
  if (isSyscallError(error, 'ENXIO', 'EINVAL', 'EOPNOTSUPP')) return undefined;
  throw error;
}
