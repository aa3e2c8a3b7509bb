import { basename } from 'node:path';
import { getSystemErrorMessage } from 'node:util';

/** A limit that cannot be had; the message is runc's. */
export class CgroupError extends Error {
  override readonly name = 'CgroupError';
  /** Such as `cpu.cfs_quota_us`. */
  readonly file: string;
  /** The errno's name, when it was the kernel that refused. */
  readonly code: string | undefined;

  constructor(file: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.file = file;
    this.code = (cause as NodeJS.ErrnoException | undefined)?.code;
  }

  /** The file at `path` did not take `value`. */
  static ofWrite(path: string, value: string, cause: unknown): CgroupError {
    const { errno, message } = cause as NodeJS.ErrnoException;
    const why = errno ? getSystemErrorMessage(errno) : message;
    return new CgroupError(basename(path), `failed to write "${value}": write ${path}: ${why}`, cause);
  }
}
