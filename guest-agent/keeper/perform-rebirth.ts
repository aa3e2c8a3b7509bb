import { CLONE_PARENT, forkProcess } from '../syscalls/clone.ts';
import { exitNow, readFd } from '../syscalls/process.ts';
import { type Child, say } from './child.ts';

/**
 * A process is in a PID namespace from its birth, so joining one takes a second fork. The first child was not visible in
 * the container while it still had the host's root and files open: with CAP_SYS_PTRACE, which not even a process that
 * may not be dumped is safe from, the container could have read and written them through /proc/PID/root. What appears
 * inside sees nothing but the container. The keeper is the parent of both.
 */
export function beReborn(child: Child): void {
  const { pid } = forkProcess(CLONE_PARENT);
  if (pid !== 0) {
    say(child.report, { reborn: pid });
    exitNow(0);
  }
  // The keeper must know whom it has before anything can end.
  if (readFd(child.report, Buffer.alloc(1)) !== 1) throw new Error('the keeper went away');
}
