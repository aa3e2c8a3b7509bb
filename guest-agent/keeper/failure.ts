import { errnoName } from '../syscalls/errno.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import type { ChildReport, LaunchFailure } from './protocol.ts';

/** What the keeper tells of a start that did not come about. */
export const failure = (step: string, code: string, subject: string, detail: string): LaunchFailure => ({
  step,
  code,
  subject,
  detail,
});

export const notRunning = (container: string): LaunchFailure =>
  failure('start', 'ESRCH', container, 'the container is not running');

export const lateFailure = (report: Extract<ChildReport, { failedErrno: string }>): LaunchFailure =>
  failure(report.step, errnoName(Number(report.failedErrno)), report.subject, 'execve');

/** Whatever was thrown at `step`: by a system call, by a file call of Node's, or otherwise. */
export function toFailure(step: string, error: unknown): LaunchFailure {
  if (isSyscallError(error)) return failure(step, error.code, error.subject, error.call);
  const { code, path, message, errno } = error as NodeJS.ErrnoException;
  const known = code ?? (errno === undefined ? 'EUNKNOWN' : errnoName(Math.abs(errno)));
  return failure(step, known, path ?? '', message ?? String(error));
}
