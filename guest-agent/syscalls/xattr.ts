import { type ByteString, toText } from './file.ts';
import { declare, errno, SyscallError } from './libc.ts';

const ENODATA = 61;
const EOPNOTSUPP = 95;

type Path = string | Buffer;
const c = {
  fset: declare<(fd: number, name: string, value: Buffer, size: number, flags: number) => number>(
    'int fsetxattr(int fd, const char *n, const void *v, size_t s, int f)',
  ),
  lset: declare<(path: Path, name: string, value: Buffer, size: number, flags: number) => number>(
    'int lsetxattr(const char *p, const char *n, const void *v, size_t s, int f)',
  ),
  lget: declare<(path: Path, name: string, value: Buffer, size: number) => number>(
    'intptr_t lgetxattr(const char *p, const char *n, void *v, size_t s)',
  ),
  llist: declare<(path: Path, list: Buffer, size: number) => number>(
    'intptr_t llistxattr(const char *p, void *l, size_t s)',
  ),
};

/** `name` inside `dir`, for calls that have no `…at` form; the last part is not followed. */
const pathOf = (dir: number, name: ByteString): Buffer =>
  Buffer.from(`/proc/self/fd/${dir}${name === '' ? '/.' : `/${name}`}\0`, 'latin1');

/** Sets an extended attribute of an open file. @throws SyscallError */
export function setXattrFd(fd: number, name: string, value: Buffer): void {
  if (c.fset(fd, name, value, value.length, 0) === -1) throw new SyscallError('fsetxattr', errno(), name);
}

/** Sets an extended attribute of `name` in `dir`, of the link itself when it is one; with an empty name of `dir`. */
export function setXattrAt(dir: number, name: ByteString, attribute: string, value: Buffer): void {
  if (c.lset(pathOf(dir, name), attribute, value, value.length, 0) === -1) {
    throw new SyscallError('lsetxattr', errno(), `${toText(name)} ${attribute}`);
  }
}

const valueBuffer = Buffer.alloc(65_536);

/** The value of an extended attribute, or undefined when it is not set or the file system has none. */
export function getXattrAt(dir: number, name: ByteString, attribute: string): Buffer | undefined {
  const length = Number(c.lget(pathOf(dir, name), attribute, valueBuffer, valueBuffer.length));
  if (length >= 0) return Buffer.from(valueBuffer.subarray(0, length));
  const code = errno();
  if (code === ENODATA || code === EOPNOTSUPP) return undefined;
  throw new SyscallError('lgetxattr', code, toText(name));
}

/** Names of the extended attributes of `name` in `dir`. */
export function listXattrsAt(dir: number, name: ByteString): string[] {
  const length = Number(c.llist(pathOf(dir, name), valueBuffer, valueBuffer.length));
  if (length > 0) return valueBuffer.toString('latin1', 0, length - 1).split('\0');
  if (length === 0) return [];
  const code = errno();
  if (code === EOPNOTSUPP) return [];
  throw new SyscallError('llistxattr', code, toText(name));
}
