import { chmodFd, chownAt, isDirectory, setTimesAt, statAt } from './file.ts';

/** The owner, mode and time of the directory open at `source`, to be given to others: undefined for anything else. */
export function directoryAttributes(source: number): ((target: number) => void) | undefined {
  const status = statAt(source, '');
  if (!isDirectory(status.mode)) return undefined;
  return target => {
    chownAt(target, '', status.uid, status.gid);
    chmodFd(target, status.mode & 0o7777);
    setTimesAt(target, '', status.mtime);
  };
}

/** Gives the directory open at `target` the owner, mode and time of the one at `source`; of anything else, nothing. */
export function takeOverDirectory(source: number, target: number): void {
  directoryAttributes(source)?.(target);
}
