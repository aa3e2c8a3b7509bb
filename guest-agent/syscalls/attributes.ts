import { chmodFd, chownAt, isDirectory, setTimesAt, statAt } from './file.ts';

/** Gives the directory open at `target` the owner, mode and time of the one at `source`; of anything else, nothing. */
export function takeOverDirectory(source: number, target: number): void {
  const status = statAt(source, '');
  if (!isDirectory(status.mode)) return;
  chownAt(target, '', status.uid, status.gid);
  chmodFd(target, status.mode & 0o7777);
  setTimesAt(target, '', status.mtime);
}
